-- The run's row, once: a task that is tried again finds it there.
-- Bound: run_id, dag_id, kind, config, config_digest, reason, check_id
MERGE INTO RUNS
USING (
    SELECT
        %(run_id)s AS RUN_ID,
        PARSE_JSON(%(config)s) AS CONFIG
) AS OPENED
    ON RUNS.RUN_ID = OPENED.RUN_ID
WHEN NOT MATCHED THEN
    INSERT (RUN_ID, DAG_ID, KIND, CONFIG, CONFIG_DIGEST, REASON, CHECK_ID, STARTED_AT)
    VALUES (
        OPENED.RUN_ID, %(dag_id)s, %(kind)s, OPENED.CONFIG, %(config_digest)s, %(reason)s, %(check_id)s, SYSDATE()
    )
