-- A row says whether a version cures the drift that it was trained for, measured on the window of the check that asked
-- for it. CURES: null if that could not be checked; EVIDENCE: the figures that it rests on.
CREATE TABLE IF NOT EXISTS CURE_CHECKS (
    VERSION NUMBER NOT NULL,
    CHECK_ID VARCHAR NOT NULL,
    CURES BOOLEAN,
    EVIDENCE VARIANT NOT NULL,
    REASONS VARIANT NOT NULL,
    RUN_ID VARCHAR NOT NULL,
    CHECKED_AT TIMESTAMP_NTZ NOT NULL,
    PRIMARY KEY (VERSION, CHECK_ID)
)
