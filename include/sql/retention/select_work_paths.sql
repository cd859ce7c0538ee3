-- What tries of tasks have put on the way into tables and not taken away, with the seconds since the latest file came.
-- Identifiers: stage
SELECT
    SPLIT_PART(RELATIVE_PATH, '/', 1) AS WORK_PATH,
    COUNT(*) AS N_FILES,
    SUM(SIZE) AS N_BYTES,
    DATEDIFF(SECOND, MAX(CAST(CONVERT_TIMEZONE('UTC', LAST_MODIFIED) AS TIMESTAMP_NTZ)), SYSDATE()) AS SECONDS_UNUSED
FROM DIRECTORY(@{stage})
GROUP BY SPLIT_PART(RELATIVE_PATH, '/', 1)
ORDER BY WORK_PATH
