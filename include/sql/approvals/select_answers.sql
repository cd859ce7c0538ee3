-- What was answered to a request, in order.
-- Bound: request_id
SELECT
    EVENT_SEQ,
    EVENT,
    ACTOR,
    REASON,
    AT
FROM MODEL_EVENTS
WHERE REQUEST_ID = %(request_id)s
ORDER BY EVENT_SEQ
