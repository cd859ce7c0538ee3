-- This role may see what the virtual warehouse has run, and what that cost.
-- Identifiers: compute, role
GRANT MONITOR ON WAREHOUSE {compute} TO ROLE {role}
