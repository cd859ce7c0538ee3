-- What functions of this schema say of themselves; a function that is not there has no row.
-- Bound: functions (names)
SELECT
    FUNCTION_NAME AS NAME,
    COMMENT
FROM INFORMATION_SCHEMA.FUNCTIONS
WHERE FUNCTION_SCHEMA = CURRENT_SCHEMA() AND FUNCTION_NAME IN (%(functions)s)
