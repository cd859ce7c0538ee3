-- This role may publish versions as functions; what it has made is its own.
-- Identifiers: database, schema, role
GRANT CREATE FUNCTION ON SCHEMA {database}.{schema} TO ROLE {role}
