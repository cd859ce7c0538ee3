-- From here on by this virtual warehouse.
-- Identifiers: compute
USE WAREHOUSE {compute}
