-- The pipeline's schema: one per pipeline, so that the same statements serve all of them unqualified.
-- Identifiers: database, schema
CREATE SCHEMA IF NOT EXISTS {database}.{schema}
