-- The answers of a version that no check has consumed, without those to images that another version had answered
-- before: an image that is answered again would count in two windows.
-- Bound: version, after_commit_seq
SELECT
    COUNT(*) AS N_IMAGES,
    MIN(PREDICTIONS.COMMIT_SEQ) AS FIRST_COMMIT_SEQ,
    MAX(PREDICTIONS.COMMIT_SEQ) AS LAST_COMMIT_SEQ
FROM PREDICTIONS
LEFT JOIN PREDICTIONS AS EARLIER
    ON
        PREDICTIONS.STAGE = EARLIER.STAGE
        AND PREDICTIONS.RELATIVE_PATH = EARLIER.RELATIVE_PATH
        AND PREDICTIONS.ETAG = EARLIER.ETAG
        AND PREDICTIONS.VERSION <> EARLIER.VERSION
        AND PREDICTIONS.COMMIT_SEQ > EARLIER.COMMIT_SEQ
WHERE
    PREDICTIONS.VERSION = %(version)s
    AND PREDICTIONS.COMMIT_SEQ > %(after_commit_seq)s
    AND EARLIER.ETAG IS NULL
