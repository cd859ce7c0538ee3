-- What the ledger says of one version, in order.
-- Bound: version
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
WHERE VERSION = %(version)s
ORDER BY EVENT_SEQ
