-- What an approval of a version is bound to, as it is now.
-- Bound: version
SELECT
    SNAPSHOT_ID,
    ARTIFACT_PATH,
    SHA256,
    TO_JSON(METRICS) AS METRICS
FROM MODEL_VERSIONS
WHERE VERSION = %(version)s
