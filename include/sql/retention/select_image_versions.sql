-- What the catalog has of one path of one stage, and whether the stage holds it now.
-- Bound: stage_name, relative_path; identifiers: stage
SELECT
    IMAGES.STAGE,
    IMAGES.RELATIVE_PATH,
    IMAGES.ETAG,
    IMAGES.CONTENT_SHA256,
    LISTED.RELATIVE_PATH IS NOT NULL AS IS_STAGED -- noqa: RF02
FROM IMAGES
LEFT JOIN DIRECTORY(@{stage}) AS LISTED -- noqa: RF02
    ON IMAGES.RELATIVE_PATH = LISTED.RELATIVE_PATH AND IMAGES.ETAG = LISTED.ETAG
WHERE IMAGES.STAGE = %(stage_name)s AND IMAGES.RELATIVE_PATH = %(relative_path)s
ORDER BY IMAGES.ETAG
