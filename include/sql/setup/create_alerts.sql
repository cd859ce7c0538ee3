-- The outbox: a row is something that people are told, written with the fact that it reports. ABOUT refers to that fact
-- (check_id, version, event_seq, request_id, …); what is told is composed from it at delivery, not before DUE_AT, after
-- a failure (ERROR) not before NEXT_TRY_AT. CLAIMED_UNTIL: somebody is at it. DELIVERED_TO: the channels that it has
-- gone through; DELIVERED_AT: through all of them. DROPPED_AT: it was no longer wanted, or cannot be told (ERROR).
CREATE TABLE IF NOT EXISTS ALERTS (
    ALERT_ID VARCHAR NOT NULL PRIMARY KEY,
    KIND VARCHAR NOT NULL,
    RUN_ID VARCHAR NOT NULL,
    ABOUT VARIANT NOT NULL,
    CREATED_AT TIMESTAMP_NTZ NOT NULL,
    DUE_AT TIMESTAMP_NTZ NOT NULL,
    N_TRIES NUMBER NOT NULL,
    NEXT_TRY_AT TIMESTAMP_NTZ NOT NULL,
    CLAIMED_UNTIL TIMESTAMP_NTZ,
    DELIVERED_TO VARIANT,
    DELIVERED_AT TIMESTAMP_NTZ,
    DROPPED_AT TIMESTAMP_NTZ,
    ERROR VARCHAR
)
