-- What a version and the champion of its time answered to the same test images, as the gate judged it; null: it was
-- registered without.
-- Bound: version
SELECT TO_JSON(METRICS:gate) AS EVIDENCE
FROM MODEL_VERSIONS
WHERE VERSION = %(version)s
