-- How rows were written on their way into tables.
DROP FILE FORMAT IF EXISTS PARQUET_ROWS
