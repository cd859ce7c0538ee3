-- How a run ended.
-- Bound: run_id, outcome
UPDATE RUNS
SET OUTCOME = %(outcome)s, FINISHED_AT = SYSDATE()
WHERE RUN_ID = %(run_id)s
