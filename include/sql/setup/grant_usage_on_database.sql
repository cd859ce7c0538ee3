-- This role may name what is in the database.
-- Identifiers: database, role
GRANT USAGE ON DATABASE {database} TO ROLE {role}
