-- A short-lived URL for each loaded image of one stage.
-- Bound: stage_name, seconds; identifiers: stage
SELECT
    STAGE,
    RELATIVE_PATH,
    ETAG,
    GET_PRESIGNED_URL(@{stage}, RELATIVE_PATH, %(seconds)s) AS URL
FROM LOADED_KEYS
WHERE STAGE = %(stage_name)s
ORDER BY RELATIVE_PATH, ETAG
