-- The next event of the ledger (this transaction is alone).
-- Bound: event, version, from_version, actor, reason, run_id, request_id (null: it answers none)
INSERT INTO MODEL_EVENTS (EVENT_SEQ, EVENT, VERSION, FROM_VERSION, ACTOR, REASON, RUN_ID, AT, REQUEST_ID)
SELECT
    COALESCE(MAX(EVENT_SEQ), 0) + 1,
    %(event)s,
    %(version)s,
    %(from_version)s,
    %(actor)s,
    %(reason)s,
    %(run_id)s,
    SYSDATE(),
    %(request_id)s
FROM MODEL_EVENTS
