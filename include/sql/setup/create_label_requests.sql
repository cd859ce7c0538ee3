-- A row is an image that people were asked to label. KIND: 'random' (a sample of its window) or 'informative' (picked
-- because the version was unsure of it, or had seen nothing like it); a label of the latter may be trained on, and
-- never measured with. TYPE and CONFIDENCE: the version's answer; NOVELTY: how far the image is from what the version
-- was accepted on (1: as far as those from each other; null: not known); PLACE: its number in the list.
CREATE TABLE IF NOT EXISTS LABEL_REQUESTS (
    CHECK_ID VARCHAR NOT NULL,
    STAGE VARCHAR NOT NULL,
    RELATIVE_PATH VARCHAR NOT NULL,
    ETAG VARCHAR NOT NULL,
    VERSION NUMBER NOT NULL,
    KIND VARCHAR NOT NULL,
    TYPE VARCHAR NOT NULL,
    CONFIDENCE FLOAT NOT NULL,
    NOVELTY FLOAT,
    PLACE NUMBER NOT NULL,
    REQUESTED_AT TIMESTAMP_NTZ NOT NULL,
    PRIMARY KEY (CHECK_ID, STAGE, RELATIVE_PATH, ETAG)
)
