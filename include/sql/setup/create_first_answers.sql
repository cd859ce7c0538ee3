-- The answers to images that no other version had answered before: an image that is answered again would count in two
-- windows of the drift check.
CREATE OR REPLACE VIEW FIRST_ANSWERS COPY GRANTS AS
SELECT
    STAGE,
    RELATIVE_PATH,
    ETAG,
    VERSION,
    TYPE,
    CONFIDENCE,
    SCORES,
    PRED_TIMESTAMP,
    RUN_ID,
    COMMIT_SEQ,
    SHORT_SIDE,
    LONG_SIDE,
    BRIGHTNESS,
    CONTRAST,
    SHARPNESS,
    FEATURES
FROM PREDICTIONS
WHERE IS_FIRST
