-- A role of the pipeline.
-- Bound: purpose; identifiers: role
CREATE ROLE IF NOT EXISTS {role}
COMMENT = %(purpose)s
