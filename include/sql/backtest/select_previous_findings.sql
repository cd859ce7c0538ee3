-- What checks have found about the version before the champion, and in which of the champion's answers.
SELECT
    VERSION,
    FIRST_COMMIT_SEQ,
    LAST_COMMIT_SEQ,
    TO_JSON(STATISTICS:previous) AS PREVIOUS
FROM DRIFT_CHECKS
WHERE LAST_COMMIT_SEQ IS NOT NULL AND STATISTICS:previous IS NOT NULL
ORDER BY LAST_COMMIT_SEQ
