-- How many of the pipeline's files a stage's directory table has, the path of one of them, and when the latest came.
-- Bound: prefix; identifiers: stage
SELECT
    COUNT(*) AS N_FILES,
    MIN(RELATIVE_PATH) AS RELATIVE_PATH,
    MAX(CAST(CONVERT_TIMEZONE('UTC', LAST_MODIFIED) AS TIMESTAMP_NTZ)) AS LAST_MODIFIED
FROM DIRECTORY(@{stage})
WHERE STARTSWITH(RELATIVE_PATH, %(prefix)s)
