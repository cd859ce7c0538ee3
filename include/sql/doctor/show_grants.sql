-- What a role may do.
-- Identifiers: role
SHOW GRANTS TO ROLE {role}
