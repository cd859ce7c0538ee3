-- How rows on their way into tables are written.
CREATE FILE FORMAT IF NOT EXISTS PARQUET_ROWS
    TYPE = PARQUET
    USE_LOGICAL_TYPE = TRUE
