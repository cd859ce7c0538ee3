-- The versions of packages that Python functions of this account can name.
-- Bound: packages (names)
SELECT
    PACKAGE_NAME AS NAME,
    VERSION
FROM INFORMATION_SCHEMA.PACKAGES
WHERE LANGUAGE = 'python' AND RUNTIME_VERSION = '3.11' AND PACKAGE_NAME IN (%(packages)s)
ORDER BY NAME, VERSION
