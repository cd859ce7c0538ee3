-- The version that this run registered with these files, if it did.
-- Bound: run_id, sha256
SELECT VERSION
FROM MODEL_VERSIONS
WHERE RUN_ID = %(run_id)s AND SHA256 = %(sha256)s
