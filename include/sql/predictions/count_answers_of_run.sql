-- The answers that a run has added, in whichever of its tries.
-- Bound: run_id
SELECT COUNT(*) AS N
FROM PREDICTIONS
WHERE RUN_ID = %(run_id)s
