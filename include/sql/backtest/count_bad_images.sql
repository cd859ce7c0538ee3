-- Of each inference run with some images that cannot be decoded, how many these are and how many were answered.
-- Bound: min_bad_images, since
WITH BAD AS (
    SELECT
        QUARANTINE.RUN_ID,
        COUNT(*) AS N_BAD
    FROM QUARANTINE
    INNER JOIN RUNS ON QUARANTINE.RUN_ID = RUNS.RUN_ID
    WHERE RUNS.KIND = 'inference' AND QUARANTINE.QUARANTINED_AT >= %(since)s::TIMESTAMP_NTZ
    GROUP BY QUARANTINE.RUN_ID
    HAVING COUNT(*) >= %(min_bad_images)s
)

SELECT
    BAD.RUN_ID,
    COUNT(PREDICTIONS.ETAG) AS N_ANSWERED,
    BAD.N_BAD
FROM BAD
LEFT JOIN PREDICTIONS ON BAD.RUN_ID = PREDICTIONS.RUN_ID
GROUP BY BAD.RUN_ID, BAD.N_BAD
ORDER BY BAD.RUN_ID
