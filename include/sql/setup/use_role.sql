-- From here on with this role.
-- Identifiers: role
USE ROLE {role}
