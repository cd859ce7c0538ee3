-- What this role needs of a table.
-- Identifiers: privileges, table, role
GRANT {privileges} ON TABLE {table} TO ROLE {role}
