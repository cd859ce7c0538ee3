-- What a run was opened with.
-- Bound: run_id
SELECT
    RUN_ID,
    KIND,
    TO_JSON(CONFIG) AS CONFIG,
    CONFIG_DIGEST,
    REASON,
    CHECK_ID,
    OUTCOME
FROM RUNS
WHERE RUN_ID = %(run_id)s
