-- How each run ended, in a sentence.
SELECT
    RUN_ID,
    OUTCOME
FROM RUNS
ORDER BY STARTED_AT, RUN_ID
