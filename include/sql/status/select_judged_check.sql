-- The latest check that has counted a window of the champion.
-- Bound: champion_event_seq
SELECT CHECK_ID
FROM DRIFT_CHECKS
WHERE CHAMPION_EVENT_SEQ = %(champion_event_seq)s AND EVIDENCE IS NOT NULL
ORDER BY CHECKED_AT DESC, CHECK_ID ASC
LIMIT 1
