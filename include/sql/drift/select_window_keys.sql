-- The images of a window, at most so many; as in select_window, images that another version had answered before do not
-- count. The order is as good as random and always the same, so that the first ones are a sample.
-- Bound: version, first_commit_seq, last_commit_seq, n_images
SELECT
    PREDICTIONS.STAGE,
    PREDICTIONS.RELATIVE_PATH,
    PREDICTIONS.ETAG
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
    AND PREDICTIONS.COMMIT_SEQ BETWEEN %(first_commit_seq)s AND %(last_commit_seq)s
    AND EARLIER.ETAG IS NULL
ORDER BY
    SHA2(PREDICTIONS.STAGE || '/' || PREDICTIONS.RELATIVE_PATH || '/' || PREDICTIONS.ETAG),
    PREDICTIONS.COMMIT_SEQ
LIMIT %(n_images)s
