-- The schema with all that is in it.
-- Identifiers: database, schema
DROP SCHEMA IF EXISTS {database}.{schema}
