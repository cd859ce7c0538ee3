-- How many images are live, and how many of them the stage no longer holds in any version.
-- Bound: stage_name, prefix; identifiers: stage
SELECT
    COUNT(*) AS N_LIVE,
    COUNT(*) - COUNT(LISTED.RELATIVE_PATH) AS N_MISSING
FROM IMAGES
LEFT JOIN DIRECTORY(@{stage}) AS LISTED -- noqa: RF02
    ON
        IMAGES.RELATIVE_PATH = LISTED.RELATIVE_PATH
        AND STARTSWITH(LISTED.RELATIVE_PATH, %(prefix)s)
WHERE IMAGES.STAGE = %(stage_name)s AND IMAGES.GONE_AT IS NULL
