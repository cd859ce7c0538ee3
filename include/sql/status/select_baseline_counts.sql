-- How a version's answers to its held-out images fall into the bins of confidence.
-- Bound: version
SELECT
    TO_JSON(EDGES) AS EDGES,
    TO_JSON(COUNTS) AS COUNTS
FROM BASELINES
WHERE VERSION = %(version)s
