-- The tables and views of the pipeline's schema that the session's role may see.
-- Bound: schema_name
SELECT TABLE_NAME
FROM INFORMATION_SCHEMA.TABLES
WHERE TABLE_SCHEMA = %(schema_name)s
UNION DISTINCT
SELECT TABLE_NAME
FROM INFORMATION_SCHEMA.VIEWS
WHERE TABLE_SCHEMA = %(schema_name)s
