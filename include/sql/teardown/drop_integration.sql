-- An integration that set-up made.
-- Identifiers: integration
DROP INTEGRATION IF EXISTS {integration}
