-- Images that people are asked to label, from Parquet files of the work stage.
-- Identifiers: location
COPY INTO LOADED_REQUESTS
FROM (
    SELECT
        $1:STAGE::VARCHAR,
        $1:RELATIVE_PATH::VARCHAR,
        $1:ETAG::VARCHAR,
        $1:KIND::VARCHAR,
        $1:TYPE::VARCHAR,
        $1:CONFIDENCE::FLOAT,
        $1:NOVELTY::FLOAT,
        $1:PLACE::NUMBER
    FROM {location}
)
FILE_FORMAT = (FORMAT_NAME = 'PARQUET_ROWS')
PURGE = TRUE
