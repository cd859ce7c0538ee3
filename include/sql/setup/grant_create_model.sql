-- This role may put versions into the Model Registry, through a stage of its own; what it has made belongs to it.
-- Identifiers: database, schema, role
GRANT CREATE MODEL, CREATE STAGE ON SCHEMA {database}.{schema} TO ROLE {role}
