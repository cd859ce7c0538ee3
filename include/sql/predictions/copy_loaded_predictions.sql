-- The answers of a run, from Parquet files of the work stage. SCORES and FEATURES travel as JSON: Snowflake reads a
-- Parquet list as nested objects. Without logical types it would read timestamps as bare numbers.
-- Identifiers: location
COPY INTO LOADED_PREDICTIONS
FROM (
    SELECT
        $1:STAGE::VARCHAR,
        $1:RELATIVE_PATH::VARCHAR,
        $1:ETAG::VARCHAR,
        $1:VERSION::NUMBER,
        $1:TYPE::VARCHAR,
        $1:CONFIDENCE::FLOAT,
        PARSE_JSON($1:SCORES::VARCHAR),
        $1:PRED_TIMESTAMP::TIMESTAMP_NTZ,
        $1:SHORT_SIDE::FLOAT,
        $1:LONG_SIDE::FLOAT,
        $1:BRIGHTNESS::FLOAT,
        $1:CONTRAST::FLOAT,
        $1:SHARPNESS::FLOAT,
        PARSE_JSON($1:FEATURES::VARCHAR),
        $1:PLACE::NUMBER
    FROM {location}
)
FILE_FORMAT = (FORMAT_NAME = 'PARQUET_ROWS')
PURGE = TRUE
