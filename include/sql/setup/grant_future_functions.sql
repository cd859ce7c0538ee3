-- Whoever may read may call the functions that are published into the schema, also the next ones.
-- Identifiers: database, schema, role
GRANT USAGE ON FUTURE FUNCTIONS IN SCHEMA {database}.{schema} TO ROLE {role}
