-- A role of the pipeline; what was granted to it is granted no more.
-- Identifiers: role
DROP ROLE IF EXISTS {role}
