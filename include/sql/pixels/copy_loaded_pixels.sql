-- What a batch found in its images, from Parquet files of the work stage.
-- Identifiers: location
COPY INTO LOADED_PIXELS
FROM (
    SELECT
        $1:STAGE::VARCHAR,
        $1:RELATIVE_PATH::VARCHAR,
        $1:ETAG::VARCHAR,
        $1:CONTENT_SHA256::VARCHAR,
        $1:SEGMENT::VARCHAR,
        $1:SEGMENT_ROW::NUMBER,
        $1:WIDTH::NUMBER,
        $1:HEIGHT::NUMBER,
        $1:BRIGHTNESS::FLOAT,
        $1:CONTRAST::FLOAT,
        $1:SHARPNESS::FLOAT,
        $1:REASON::VARCHAR
    FROM {location}
)
FILE_FORMAT = (FORMAT_NAME = 'PARQUET_ROWS')
PURGE = TRUE
