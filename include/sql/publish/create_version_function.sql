-- The function of one version: for a scoped URL an object with label, confidence, version; or with version, error.
-- Identifiers: version_function, model (what its files' names begin with), comment, imports, packages
CREATE OR REPLACE FUNCTION {version_function}(FILE_URL VARCHAR, MODEL VARCHAR DEFAULT '{model}')
RETURNS OBJECT
LANGUAGE PYTHON
RUNTIME_VERSION = '3.11'
COMMENT = '{comment}'
IMPORTS = ({imports})
PACKAGES = ({packages})
HANDLER = 'include.models.sql_function.classify'
