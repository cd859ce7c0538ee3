-- A row is one version of one staged file. A file that is gone keeps its row; one that reappears gets it back.
-- SPLIT is fixed on first sight and is inherited by equal content.
CREATE TABLE IF NOT EXISTS IMAGES (
    STAGE VARCHAR NOT NULL,
    RELATIVE_PATH VARCHAR NOT NULL,
    ETAG VARCHAR NOT NULL,
    SIZE NUMBER NOT NULL,
    LAST_MODIFIED TIMESTAMP_NTZ,
    FILE_URL VARCHAR,
    CONTENT_SHA256 VARCHAR,
    LABEL VARCHAR,
    SPLIT VARCHAR,
    FIRST_SEEN_AT TIMESTAMP_NTZ NOT NULL,
    GONE_AT TIMESTAMP_NTZ,
    PRIMARY KEY (STAGE, RELATIVE_PATH, ETAG)
)
