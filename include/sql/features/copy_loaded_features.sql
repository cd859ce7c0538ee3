-- Contents and the places of their features, from Parquet files of the work stage.
-- Identifiers: location
COPY INTO LOADED_FEATURES
FROM (
    SELECT
        $1:CONTENT_SHA256::VARCHAR,
        $1:SEGMENT::VARCHAR,
        $1:SEGMENT_ROW::NUMBER
    FROM {location}
)
FILE_FORMAT = (FORMAT_NAME = 'PARQUET_ROWS')
PURGE = TRUE
