-- What the network saw in the images of the newest answers that fit, newest first; of an image that several versions
-- have answered, the newest answer that fits.
-- Bound: class_name (null: any), version (null: any), n_looked_at
WITH LATEST AS (
    SELECT
        STAGE,
        RELATIVE_PATH,
        ETAG,
        COMMIT_SEQ,
        VERSION,
        FEATURES
    FROM PREDICTIONS
    WHERE
        (%(class_name)s IS NULL OR TYPE = %(class_name)s)
        AND (%(version)s IS NULL OR VERSION = %(version)s)
    ORDER BY COMMIT_SEQ DESC
    LIMIT %(n_looked_at)s
)

SELECT
    COMMIT_SEQ,
    VERSION,
    TO_JSON(FEATURES) AS FEATURES
FROM LATEST
QUALIFY ROW_NUMBER() OVER (PARTITION BY STAGE, RELATIVE_PATH, ETAG ORDER BY COMMIT_SEQ DESC) = 1
ORDER BY COMMIT_SEQ DESC
