-- Labels, from Parquet files of the work stage.
-- Identifiers: location
COPY INTO LOADED_LABELS
FROM (
    SELECT
        $1:STAGE::VARCHAR,
        $1:RELATIVE_PATH::VARCHAR,
        $1:LABEL::VARCHAR,
        $1:SOURCE::VARCHAR
    FROM {location}
)
FILE_FORMAT = (FORMAT_NAME = 'PARQUET_ROWS')
PURGE = TRUE
