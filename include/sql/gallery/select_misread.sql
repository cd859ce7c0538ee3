-- The answers that a label has shown to be wrong since, the latest label first, of the images that were labelled last.
-- Of an image that several versions had answered before its label came, the newest answer that fits counts. A class
-- fits that was answered, or that the label names. N_FOUND: how many such answers there are.
-- Bound: class_name (null: any), version (null: any), n_looked_at, n_pictures, n_skipped
WITH LATEST AS (
    SELECT
        STAGE,
        RELATIVE_PATH,
        ETAG,
        LABEL,
        LABELLED_AT
    FROM LABELS
    QUALIFY
        ROW_NUMBER() OVER (
            PARTITION BY STAGE, RELATIVE_PATH, ETAG
            ORDER BY LABELLED_AT DESC, LABEL ASC, SOURCE ASC
        ) = 1
    ORDER BY LABELLED_AT DESC, STAGE ASC, RELATIVE_PATH ASC, ETAG ASC
    LIMIT %(n_looked_at)s
),

ANSWERED AS (
    SELECT
        PREDICTIONS.COMMIT_SEQ,
        PREDICTIONS.TYPE,
        LATEST.LABEL,
        LATEST.LABELLED_AT
    FROM LATEST
    INNER JOIN PREDICTIONS
        ON
            LATEST.STAGE = PREDICTIONS.STAGE
            AND LATEST.RELATIVE_PATH = PREDICTIONS.RELATIVE_PATH
            AND LATEST.ETAG = PREDICTIONS.ETAG
            AND LATEST.LABELLED_AT >= PREDICTIONS.PRED_TIMESTAMP
    WHERE %(version)s IS NULL OR PREDICTIONS.VERSION = %(version)s
    QUALIFY
        ROW_NUMBER() OVER (
            PARTITION BY LATEST.STAGE, LATEST.RELATIVE_PATH, LATEST.ETAG
            ORDER BY PREDICTIONS.COMMIT_SEQ DESC
        ) = 1
)

SELECT
    COMMIT_SEQ,
    COUNT(*) OVER () AS N_FOUND
FROM ANSWERED
WHERE TYPE <> LABEL AND (%(class_name)s IS NULL OR %(class_name)s IN (TYPE, LABEL))
ORDER BY LABELLED_AT DESC, COMMIT_SEQ DESC
LIMIT %(n_pictures)s OFFSET %(n_skipped)s
