-- The files that a stage holds below a folder, each with a short-lived URL.
-- Bound: prefix, seconds; identifiers: stage
SELECT
    RELATIVE_PATH,
    GET_PRESIGNED_URL(@{stage}, RELATIVE_PATH, %(seconds)s) AS URL
FROM DIRECTORY(@{stage})
WHERE STARTSWITH(RELATIVE_PATH, %(prefix)s)
ORDER BY RELATIVE_PATH
