-- The latest version that this run registered with this trained network, if it did.
-- Bound: run_id, fitted_path
SELECT VERSION
FROM MODEL_VERSIONS
WHERE RUN_ID = %(run_id)s AND METRICS:fitted_path::VARCHAR = %(fitted_path)s
ORDER BY VERSION DESC
LIMIT 1
