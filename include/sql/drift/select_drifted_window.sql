-- The window in which drift was found that a check has asked for a retraining of: its own, or that of the check whose
-- drift it is about, if it has consumed none because labels had arrived later; no row: there is none.
-- Bound: check_id
SELECT
    FOUND.CHECK_ID,
    FOUND.VERSION,
    FOUND.FIRST_COMMIT_SEQ,
    FOUND.LAST_COMMIT_SEQ
FROM DRIFT_CHECKS AS ASKED
INNER JOIN DRIFT_CHECKS AS FOUND
    ON IFF(ASKED.LAST_COMMIT_SEQ IS NULL, ASKED.STATISTICS:open_drift::VARCHAR, ASKED.CHECK_ID) = FOUND.CHECK_ID
WHERE ASKED.CHECK_ID = %(check_id)s AND FOUND.LAST_COMMIT_SEQ IS NOT NULL
