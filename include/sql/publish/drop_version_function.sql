-- Let go of a version's function that does not answer.
-- Identifiers: version_function
DROP FUNCTION IF EXISTS {version_function}(VARCHAR, VARCHAR)
