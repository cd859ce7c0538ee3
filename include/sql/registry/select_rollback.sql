-- The rollback of this run, if it made one.
-- Bound: run_id
SELECT
    EVENT_SEQ,
    VERSION,
    FROM_VERSION
FROM MODEL_EVENTS
WHERE EVENT = 'ROLLED_BACK' AND RUN_ID = %(run_id)s
QUALIFY ROW_NUMBER() OVER (ORDER BY EVENT_SEQ) = 1
