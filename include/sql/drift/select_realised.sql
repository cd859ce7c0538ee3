-- How many of a version's answers were right, as far as labels tell.
-- Bound: version, first_commit_seq, last_commit_seq
SELECT
    COUNT(*) AS N_IMAGES,
    COUNT_IF(IS_RIGHT) AS N_RIGHT
FROM LABELLED_ANSWERS
WHERE VERSION = %(version)s AND COMMIT_SEQ BETWEEN %(first_commit_seq)s AND %(last_commit_seq)s
