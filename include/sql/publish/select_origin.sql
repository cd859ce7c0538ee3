-- Where a version comes from: the data set that it was trained on, and the run.
-- Bound: version
SELECT
    SNAPSHOT_ID,
    RUN_ID
FROM MODEL_VERSIONS
WHERE VERSION = %(version)s
