-- The alerts of this role may run.
-- Identifiers: role
GRANT EXECUTE ALERT ON ACCOUNT TO ROLE {role}
