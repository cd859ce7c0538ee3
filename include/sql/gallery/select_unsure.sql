-- The answers with the least confidence, least first, of the newest ones that fit; of an image that several versions
-- have answered, the newest answer that fits. N_FOUND: how many images were looked at.
-- Bound: class_name (null: any), version (null: any), n_looked_at, n_pictures, n_skipped
WITH LATEST AS (
    SELECT
        STAGE,
        RELATIVE_PATH,
        ETAG,
        COMMIT_SEQ,
        CONFIDENCE
    FROM PREDICTIONS
    WHERE
        (%(class_name)s IS NULL OR TYPE = %(class_name)s)
        AND (%(version)s IS NULL OR VERSION = %(version)s)
    ORDER BY COMMIT_SEQ DESC
    LIMIT %(n_looked_at)s
),

OF_IMAGES AS (
    SELECT
        COMMIT_SEQ,
        CONFIDENCE
    FROM LATEST
    QUALIFY ROW_NUMBER() OVER (PARTITION BY STAGE, RELATIVE_PATH, ETAG ORDER BY COMMIT_SEQ DESC) = 1
)

SELECT
    COMMIT_SEQ,
    COUNT(*) OVER () AS N_FOUND
FROM OF_IMAGES
ORDER BY CONFIDENCE ASC, COMMIT_SEQ DESC
LIMIT %(n_pictures)s OFFSET %(n_skipped)s
