-- The event that had made the champion of a moment; no row: there was none.
-- Bound: at
SELECT EVENT_SEQ
FROM MODEL_EVENTS
WHERE EVENT IN ('PROMOTED', 'ROLLED_BACK') AND AT <= %(at)s::TIMESTAMP_NTZ
QUALIFY ROW_NUMBER() OVER (ORDER BY EVENT_SEQ DESC) = 1
