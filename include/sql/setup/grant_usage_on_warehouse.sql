-- Statements of this role may run on the virtual warehouse.
-- Identifiers: compute, role
GRANT USAGE ON WAREHOUSE {compute} TO ROLE {role}
