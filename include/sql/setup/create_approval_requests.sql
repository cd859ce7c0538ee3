-- A row is a question that a training run puts to people, and what they are shown. KIND is retraining (VERSION: the
-- champion that drifted, CHECK_ID: the check) or promotion (VERSION: the challenger). CHAMPION_EVENT_SEQ is the
-- champion that an approval would replace; the answers stand in MODEL_EVENTS with this REQUEST_ID.
CREATE TABLE IF NOT EXISTS APPROVAL_REQUESTS (
    REQUEST_ID VARCHAR NOT NULL PRIMARY KEY,
    RUN_ID VARCHAR NOT NULL,
    KIND VARCHAR NOT NULL,
    CHECK_ID VARCHAR,
    VERSION NUMBER NOT NULL,
    CHAMPION_EVENT_SEQ NUMBER NOT NULL,
    EVIDENCE VARIANT NOT NULL,
    APPROVERS VARIANT NOT NULL,
    N_NEEDED NUMBER NOT NULL,
    REQUESTED_AT TIMESTAMP_NTZ NOT NULL,
    EXPIRES_AT TIMESTAMP_NTZ NOT NULL
)
