-- The latest windows of a champion that checks have consumed, the latest first.
-- Bound: champion_event_seq, n_windows
SELECT
    CHECK_ID,
    VERDICT,
    FIRST_COMMIT_SEQ
FROM DRIFT_CHECKS
WHERE CHAMPION_EVENT_SEQ = %(champion_event_seq)s AND LAST_COMMIT_SEQ IS NOT NULL
ORDER BY LAST_COMMIT_SEQ DESC
LIMIT %(n_windows)s
