-- How many images of a window people were asked to label.
-- Bound: version, first_commit_seq, last_commit_seq
SELECT COUNT(*) AS N
FROM FIRST_ANSWERS
INNER JOIN REQUESTED_IMAGES
    ON
        FIRST_ANSWERS.STAGE = REQUESTED_IMAGES.STAGE
        AND FIRST_ANSWERS.RELATIVE_PATH = REQUESTED_IMAGES.RELATIVE_PATH
        AND FIRST_ANSWERS.ETAG = REQUESTED_IMAGES.ETAG
WHERE
    FIRST_ANSWERS.VERSION = %(version)s
    AND FIRST_ANSWERS.COMMIT_SEQ BETWEEN %(first_commit_seq)s AND %(last_commit_seq)s
