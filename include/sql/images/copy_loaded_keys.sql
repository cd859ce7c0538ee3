-- The keys of images, from Parquet files of the work stage.
-- Identifiers: location
COPY INTO LOADED_KEYS
FROM (
    SELECT
        $1:STAGE::VARCHAR,
        $1:RELATIVE_PATH::VARCHAR,
        $1:ETAG::VARCHAR
    FROM {location}
)
FILE_FORMAT = (FORMAT_NAME = 'PARQUET_ROWS')
PURGE = TRUE
