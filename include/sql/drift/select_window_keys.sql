-- The images of a window, at most so many. The order is as good as random and always the same, so that the first ones
-- are a sample.
-- Bound: version, first_commit_seq, last_commit_seq, n_images
SELECT
    STAGE,
    RELATIVE_PATH,
    ETAG
FROM FIRST_ANSWERS
WHERE VERSION = %(version)s AND COMMIT_SEQ BETWEEN %(first_commit_seq)s AND %(last_commit_seq)s
ORDER BY
    SHA2(STAGE || '/' || RELATIVE_PATH || '/' || ETAG),
    COMMIT_SEQ
LIMIT %(n_images)s
