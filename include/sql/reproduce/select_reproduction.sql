-- What a run came to that trained a version again; no row: it has not compared yet.
-- Bound: run_id
SELECT
    VERSION,
    SAME_WEIGHTS,
    WEIGHTS_SHA256,
    ACCURACY,
    ORIGINAL_ACCURACY,
    N_IMAGES,
    TO_JSON(COMPUTED) AS COMPUTED,
    TO_JSON(DIFFERENCES) AS DIFFERENCES
FROM REPRODUCTIONS
WHERE RUN_ID = %(run_id)s
