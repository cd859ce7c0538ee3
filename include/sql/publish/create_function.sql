-- The function that users call: it asks that of one version, and keeps who may call it.
-- Identifiers: function, version_function, comment
CREATE OR REPLACE FUNCTION {function}(FILE_URL VARCHAR)
COPY GRANTS
RETURNS OBJECT
COMMENT = '{comment}'
AS '{version_function}(FILE_URL)'
