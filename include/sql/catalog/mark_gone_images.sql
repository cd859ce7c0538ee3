-- Live images that the stage no longer holds in this version are gone.
-- Bound: stage_name, prefix; identifiers: stage
UPDATE IMAGES
SET GONE_AT = SYSDATE()
WHERE
    STAGE = %(stage_name)s
    AND GONE_AT IS NULL
    AND NOT EXISTS (
        SELECT 1
        FROM DIRECTORY(@{stage}) AS LISTED
        WHERE
            LISTED.RELATIVE_PATH = IMAGES.RELATIVE_PATH
            AND LISTED.ETAG = IMAGES.ETAG
            AND STARTSWITH(LISTED.RELATIVE_PATH, %(prefix)s)
    )
