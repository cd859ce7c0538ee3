-- The images that came with those of a window and cannot be decoded: what the runs that gave its answers have put into
-- QUARANTINE.
-- Bound: version, first_commit_seq, last_commit_seq
SELECT COUNT(*) AS N
FROM QUARANTINE
WHERE
    RUN_ID IN (
        SELECT FIRST_ANSWERS.RUN_ID
        FROM FIRST_ANSWERS
        WHERE
            FIRST_ANSWERS.VERSION = %(version)s
            AND FIRST_ANSWERS.COMMIT_SEQ BETWEEN %(first_commit_seq)s AND %(last_commit_seq)s
    )
    -- what was forgotten on request is not broken
    AND RUN_ID NOT IN (SELECT FORGOTTEN.RUN_ID FROM FORGOTTEN)
