-- Something that people are told, once (this transaction is alone).
-- Bound: alert_id, kind, run_id, about, due_at (null: now)
INSERT INTO ALERTS (ALERT_ID, KIND, RUN_ID, ABOUT, CREATED_AT, DUE_AT, N_TRIES, NEXT_TRY_AT)
SELECT
    %(alert_id)s,
    %(kind)s,
    %(run_id)s,
    PARSE_JSON(%(about)s),
    SYSDATE(),
    COALESCE(%(due_at)s::TIMESTAMP_NTZ, SYSDATE()),
    0,
    COALESCE(%(due_at)s::TIMESTAMP_NTZ, SYSDATE())
WHERE NOT EXISTS (
    SELECT 1 FROM ALERTS
    WHERE ALERT_ID = %(alert_id)s
)
