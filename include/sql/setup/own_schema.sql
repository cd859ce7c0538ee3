-- The owner may make, change and drop what is in the schema, and nothing elsewhere.
-- Identifiers: database, schema, role
GRANT OWNERSHIP ON SCHEMA {database}.{schema} TO ROLE {role} COPY CURRENT GRANTS
