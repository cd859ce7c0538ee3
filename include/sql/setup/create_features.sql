-- A row says where lies what a network sees in a content: a row of a file of the feature store. BACKBONE_DIGEST is of
-- all that leads to it (weights but the last layer's, architecture, preprocessing).
CREATE TABLE IF NOT EXISTS FEATURES (
    CONTENT_SHA256 VARCHAR NOT NULL,
    PREPROCESSING_DIGEST VARCHAR NOT NULL,
    BACKBONE_DIGEST VARCHAR NOT NULL,
    SEGMENT VARCHAR NOT NULL,
    SEGMENT_ROW NUMBER NOT NULL,
    WRITTEN_AT TIMESTAMP_NTZ NOT NULL,
    PRIMARY KEY (CONTENT_SHA256, PREPROCESSING_DIGEST, BACKBONE_DIGEST)
)
