-- The rows of a snapshot, from Parquet files of the work stage.
-- Identifiers: location
COPY INTO LOADED_SNAPSHOT
FROM (
    SELECT
        $1:STAGE::VARCHAR,
        $1:RELATIVE_PATH::VARCHAR,
        $1:ETAG::VARCHAR,
        $1:LABEL::VARCHAR,
        $1:LABEL_SOURCE::VARCHAR,
        $1:SPLIT::VARCHAR,
        $1:CONTENT_SHA256::VARCHAR
    FROM {location}
)
FILE_FORMAT = (FORMAT_NAME = 'PARQUET_ROWS')
PURGE = TRUE
