-- This role may put versions into the Model Registry; what it has made is its own.
-- Identifiers: database, schema, role
GRANT CREATE MODEL ON SCHEMA {database}.{schema} TO ROLE {role}
