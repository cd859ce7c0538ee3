-- A row is an image that a person had erased, without its name: PLACE_SHA256 is the SHA-256 of STAGE/RELATIVE_PATH.
-- Equal content is not taken up again, wherever it lies; with COPIES_KEPT, not at this place.
CREATE TABLE IF NOT EXISTS FORGOTTEN (
    PLACE_SHA256 VARCHAR NOT NULL,
    ETAG VARCHAR NOT NULL,
    CONTENT_SHA256 VARCHAR,
    COPIES_KEPT BOOLEAN NOT NULL,
    RUN_ID VARCHAR NOT NULL,
    FORGOTTEN_AT TIMESTAMP_NTZ NOT NULL,
    PRIMARY KEY (PLACE_SHA256, ETAG)
)
