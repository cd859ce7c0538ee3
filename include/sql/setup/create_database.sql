-- The pipeline's database.
-- Identifiers: database
CREATE DATABASE IF NOT EXISTS {database}
