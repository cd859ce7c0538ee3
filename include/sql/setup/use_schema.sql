-- From here on every unqualified name is in the pipeline's schema.
-- Identifiers: database, schema
USE SCHEMA {database}.{schema}
