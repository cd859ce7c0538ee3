-- A page of the ledger, newest first: the events before one of them.
-- Bound: before_event_seq (null: the latest), n_events
SELECT
    EVENT_SEQ,
    EVENT,
    VERSION,
    FROM_VERSION,
    ACTOR,
    REASON,
    RUN_ID,
    AT
FROM MODEL_EVENTS
WHERE EVENT_SEQ < COALESCE(%(before_event_seq)s, EVENT_SEQ + 1)
ORDER BY EVENT_SEQ DESC
LIMIT %(n_events)s
