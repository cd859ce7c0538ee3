-- This role may name what is in the schema.
-- Identifiers: database, schema, role
GRANT USAGE ON SCHEMA {database}.{schema} TO ROLE {role}
