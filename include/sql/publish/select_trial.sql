-- Let a version's function load its model, without a file: what it lacks is known before anybody asks it.
-- Identifiers: version_function
SELECT {version_function}(NULL) AS ANSWER
