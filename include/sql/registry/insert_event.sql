-- The next event of the ledger (this transaction is alone).
-- Bound: event, version, from_version, actor, reason, run_id
INSERT INTO MODEL_EVENTS (EVENT_SEQ, EVENT, VERSION, FROM_VERSION, ACTOR, REASON, RUN_ID, AT)
SELECT
    COALESCE(MAX(EVENT_SEQ), 0) + 1,
    %(event)s,
    %(version)s,
    %(from_version)s,
    %(actor)s,
    %(reason)s,
    %(run_id)s,
    SYSDATE()
FROM MODEL_EVENTS
