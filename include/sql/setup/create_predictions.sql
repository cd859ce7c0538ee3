-- A row is an answer: TYPE is the predicted class, SCORES its calibrated probability of each class. COMMIT_SEQ grows in
-- the order of the commits, so that a window of answers is a range of it. SHORT_SIDE to SHARPNESS say what the image
-- looks like, FEATURES what the network saw in it; they are null in rows of older releases. IS_FIRST: no other version
-- had answered the image before.
CREATE TABLE IF NOT EXISTS PREDICTIONS (
    STAGE VARCHAR NOT NULL,
    RELATIVE_PATH VARCHAR NOT NULL,
    ETAG VARCHAR NOT NULL,
    VERSION NUMBER NOT NULL,
    TYPE VARCHAR NOT NULL,
    CONFIDENCE FLOAT NOT NULL,
    SCORES VARIANT NOT NULL,
    PRED_TIMESTAMP TIMESTAMP_NTZ NOT NULL,
    RUN_ID VARCHAR NOT NULL,
    COMMIT_SEQ NUMBER NOT NULL,
    SHORT_SIDE FLOAT,
    LONG_SIDE FLOAT,
    BRIGHTNESS FLOAT,
    CONTRAST FLOAT,
    SHARPNESS FLOAT,
    FEATURES VARIANT,
    IS_FIRST BOOLEAN,
    PRIMARY KEY (STAGE, RELATIVE_PATH, ETAG, VERSION)
)
