-- Contents for statements about features, and, where these were just written, their places.
CREATE OR REPLACE TEMPORARY TABLE LOADED_FEATURES (
    CONTENT_SHA256 VARCHAR NOT NULL,
    SEGMENT VARCHAR,
    SEGMENT_ROW NUMBER
)
