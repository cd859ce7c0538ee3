-- What this role needs of a file format.
-- Identifiers: file_format, role
GRANT USAGE ON FILE FORMAT {file_format} TO ROLE {role}
