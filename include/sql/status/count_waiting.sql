-- How many readable live incoming images have no answer yet that counts. Sets, not NOT EXISTS: a fifth of the time with
-- ten million images.
-- Bound: stage_name
SELECT COUNT(*) AS N
FROM (
    SELECT
        RELATIVE_PATH,
        ETAG
    FROM IMAGES
    WHERE STAGE = %(stage_name)s AND GONE_AT IS NULL
    EXCEPT
    SELECT
        PREDICTIONS.RELATIVE_PATH,
        PREDICTIONS.ETAG
    FROM PREDICTIONS
    INNER JOIN SERVING_VERSIONS ON PREDICTIONS.VERSION = SERVING_VERSIONS.VERSION
    WHERE PREDICTIONS.STAGE = %(stage_name)s
    EXCEPT
    SELECT
        RELATIVE_PATH,
        ETAG
    FROM QUARANTINE
    WHERE STAGE = %(stage_name)s
) AS WAITING
