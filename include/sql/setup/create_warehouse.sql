-- The virtual warehouse: the smallest, which costs nothing while nothing runs, and a minute after the last statement.
-- Identifiers: compute
CREATE WAREHOUSE IF NOT EXISTS {compute}
WAREHOUSE_SIZE = XSMALL
AUTO_SUSPEND = 60
AUTO_RESUME = TRUE
INITIALLY_SUSPENDED = TRUE
