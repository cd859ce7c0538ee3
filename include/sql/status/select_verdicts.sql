-- The latest checks that have judged a window or made something happen, newest first. The others found too few answers.
-- Bound: n_checks
SELECT
    CHECK_ID,
    RUN_ID,
    VERSION,
    N_IMAGES,
    VERDICT,
    ACTION,
    TO_JSON(REASONS) AS REASONS,
    SIGNAL,
    SCORE,
    THRESHOLD,
    CHECKED_AT
FROM DRIFT_CHECKS
WHERE LAST_COMMIT_SEQ IS NOT NULL OR ACTION <> 'NONE'
ORDER BY CHECKED_AT DESC, CHECK_ID ASC
LIMIT %(n_checks)s
