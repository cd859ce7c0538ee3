-- A question that a run puts to people, once (this transaction is alone).
-- Bound: request_id, run_id, kind, check_id, version, champion_event_seq, evidence, approvers, n_needed, requested_at,
-- expires_at
INSERT INTO APPROVAL_REQUESTS (
    REQUEST_ID,
    RUN_ID,
    KIND,
    CHECK_ID,
    VERSION,
    CHAMPION_EVENT_SEQ,
    EVIDENCE,
    APPROVERS,
    N_NEEDED,
    REQUESTED_AT,
    EXPIRES_AT
)
SELECT
    %(request_id)s,
    %(run_id)s,
    %(kind)s,
    %(check_id)s,
    %(version)s,
    %(champion_event_seq)s,
    PARSE_JSON(%(evidence)s),
    PARSE_JSON(%(approvers)s),
    %(n_needed)s,
    %(requested_at)s::TIMESTAMP_NTZ,
    %(expires_at)s::TIMESTAMP_NTZ
WHERE NOT EXISTS (
    SELECT 1 FROM APPROVAL_REQUESTS
    WHERE REQUEST_ID = %(request_id)s
)
