-- This role may publish versions as functions; what it has made belongs to it.
-- Identifiers: database, schema, role
GRANT CREATE FUNCTION ON SCHEMA {database}.{schema} TO ROLE {role}
