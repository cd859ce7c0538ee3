-- Whoever has the second role may do what the first one may.
-- Identifiers: role, to_role
GRANT ROLE {role} TO ROLE {to_role}
