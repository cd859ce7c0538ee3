-- How many images are live, and how many of them the stage's stream shows to be removed.
-- Bound: stage_name; identifiers: stream
WITH REMOVED AS (
    SELECT RELATIVE_PATH
    FROM {stream}
    GROUP BY RELATIVE_PATH
    HAVING COUNT_IF(METADATA$ACTION = 'INSERT') = 0
)

SELECT
    COUNT(*) AS N_LIVE,
    COUNT(REMOVED.RELATIVE_PATH) AS N_MISSING
FROM IMAGES
LEFT JOIN REMOVED ON IMAGES.RELATIVE_PATH = REMOVED.RELATIVE_PATH
WHERE IMAGES.STAGE = %(stage_name)s AND IMAGES.GONE_AT IS NULL
