-- One row: what a transaction updates first when it must be alone (Snowflake makes the second UPDATE wait).
CREATE TABLE IF NOT EXISTS PIPELINE_LOCK (
    LOCK_ID NUMBER NOT NULL PRIMARY KEY,
    N_HOLDERS NUMBER NOT NULL,
    HELD_AT TIMESTAMP_NTZ NOT NULL
)
