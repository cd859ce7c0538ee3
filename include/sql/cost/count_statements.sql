-- How many statements, anybody's, the query history tells of a time range: at most 10,000, the most that it ever tells
-- Bound: since, until
SELECT COUNT(*) AS N_STATEMENTS
FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(
    END_TIME_RANGE_START => TO_TIMESTAMP_LTZ(%(since)s),
    END_TIME_RANGE_END => TO_TIMESTAMP_LTZ(%(until)s),
    RESULT_LIMIT => 10000
))
