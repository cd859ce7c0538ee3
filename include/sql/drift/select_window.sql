-- The first answers of a version that no check has consumed.
-- Bound: version, after_commit_seq
SELECT
    COUNT(*) AS N_IMAGES,
    MIN(COMMIT_SEQ) AS FIRST_COMMIT_SEQ,
    MAX(COMMIT_SEQ) AS LAST_COMMIT_SEQ
FROM FIRST_ANSWERS
WHERE VERSION = %(version)s AND COMMIT_SEQ > %(after_commit_seq)s
