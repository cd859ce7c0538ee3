-- The latest promotions and rollbacks, newest first.
-- Bound: n_events
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
WHERE EVENT IN ('PROMOTED', 'ROLLED_BACK')
ORDER BY EVENT_SEQ DESC
LIMIT %(n_events)s
