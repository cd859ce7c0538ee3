-- A row is a check that found broken images, and a person who declared images like these the new normal.
CREATE TABLE IF NOT EXISTS ACCEPTED_CHECKS (
    CHECK_ID VARCHAR NOT NULL PRIMARY KEY,
    REASON VARCHAR NOT NULL,
    ACTOR VARCHAR NOT NULL,
    ACCEPTED_AT TIMESTAMP_NTZ NOT NULL
)
