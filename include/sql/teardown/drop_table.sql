-- A table that can be filled again.
-- Identifiers: table
DROP TABLE IF EXISTS {table}
