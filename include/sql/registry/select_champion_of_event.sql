-- The version that an event made champion.
-- Bound: event_seq
SELECT VERSION
FROM MODEL_EVENTS
WHERE EVENT IN ('PROMOTED', 'ROLLED_BACK') AND EVENT_SEQ = %(event_seq)s
