-- For schemas that were set up before there was an owner: who may do what with them stays as it is.
-- Identifiers: database, schema, role
GRANT OWNERSHIP ON ALL VIEWS IN SCHEMA {database}.{schema} TO ROLE {role} COPY CURRENT GRANTS
