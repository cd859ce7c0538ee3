-- The versions, with what each reached on its test images.
SELECT
    VERSION,
    METRICS:accuracy::FLOAT AS ACCURACY,
    RUN_ID
FROM MODEL_VERSIONS
ORDER BY VERSION
