-- A row is one verdict on the champion's latest answers. FIRST_COMMIT_SEQ and LAST_COMMIT_SEQ are the window that it
-- consumed (null: it consumed none, and the answers wait for the next check). SCORE, THRESHOLD and P_VALUE are those of
-- SIGNAL, the signal that spoke loudest, else of the confidences. SMALLEST_SHIFT is the least shift of confidences that
-- the window could have shown. EVIDENCE: the window as counts.
CREATE TABLE IF NOT EXISTS DRIFT_CHECKS (
    CHECK_ID VARCHAR NOT NULL PRIMARY KEY,
    RUN_ID VARCHAR NOT NULL,
    VERSION NUMBER NOT NULL,
    CHAMPION_EVENT_SEQ NUMBER NOT NULL,
    FIRST_COMMIT_SEQ NUMBER,
    LAST_COMMIT_SEQ NUMBER,
    N_IMAGES NUMBER NOT NULL,
    STATISTICS VARIANT NOT NULL,
    THRESHOLDS VARIANT NOT NULL,
    VERDICT VARCHAR NOT NULL,
    ACTION VARCHAR NOT NULL,
    REASONS VARIANT NOT NULL,
    REPORT_PATH VARCHAR,
    CHECKED_AT TIMESTAMP_NTZ NOT NULL,
    SIGNAL VARCHAR,
    SCORE FLOAT,
    THRESHOLD FLOAT,
    P_VALUE FLOAT,
    SMALLEST_SHIFT FLOAT,
    ESTIMATED_ACCURACY FLOAT,
    EVIDENCE VARIANT
)
