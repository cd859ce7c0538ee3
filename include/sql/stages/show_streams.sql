-- The streams of the pipeline's schema that the session's role may use.
-- Identifiers: database, schema
SHOW STREAMS IN SCHEMA {database}.{schema}
