-- A registered version, as far as it decides what training it again should come to.
-- Bound: version
SELECT
    VERSION,
    SNAPSHOT_ID,
    TO_JSON(CONFIG) AS CONFIG,
    TO_JSON(METRICS) AS METRICS
FROM MODEL_VERSIONS
WHERE VERSION = %(version)s
