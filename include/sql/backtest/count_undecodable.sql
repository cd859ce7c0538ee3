-- The images that came with those of windows and cannot be decoded: what the runs that gave their answers have put into
-- QUARANTINE. Of a run whose answers lie in several windows each gets its share.
-- Bound: windows (JSON: of each window its place, its version, and its first and last COMMIT_SEQ), first_commit_seq,
-- last_commit_seq (of all of them)
WITH WINDOWS AS (
    SELECT
        WINDOW_.VALUE[0]::NUMBER AS PLACE,
        WINDOW_.VALUE[1]::NUMBER AS VERSION,
        WINDOW_.VALUE[2]::NUMBER AS FIRST_COMMIT_SEQ,
        WINDOW_.VALUE[3]::NUMBER AS LAST_COMMIT_SEQ
    FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(windows)s))) AS WINDOW_
),

ANSWERED AS (
    SELECT
        WINDOWS.PLACE,
        FIRST_ANSWERS.RUN_ID,
        COUNT(*) AS N_IMAGES
    FROM WINDOWS
    INNER JOIN FIRST_ANSWERS
        ON
            WINDOWS.VERSION = FIRST_ANSWERS.VERSION
            AND FIRST_ANSWERS.COMMIT_SEQ BETWEEN WINDOWS.FIRST_COMMIT_SEQ AND WINDOWS.LAST_COMMIT_SEQ
    WHERE FIRST_ANSWERS.COMMIT_SEQ BETWEEN %(first_commit_seq)s AND %(last_commit_seq)s
    GROUP BY WINDOWS.PLACE, FIRST_ANSWERS.RUN_ID
),

BAD AS (
    SELECT
        RUN_ID,
        COUNT(*) AS N_IMAGES
    FROM QUARANTINE
    -- what was forgotten on request is not broken
    WHERE RUN_ID NOT IN (SELECT FORGOTTEN.RUN_ID FROM FORGOTTEN)
    GROUP BY RUN_ID
),

OF_RUNS AS (
    SELECT
        BAD.RUN_ID,
        MAX(BAD.N_IMAGES) AS N_BAD,
        COUNT(*) AS N_IMAGES
    FROM BAD
    INNER JOIN FIRST_ANSWERS ON BAD.RUN_ID = FIRST_ANSWERS.RUN_ID
    GROUP BY BAD.RUN_ID
)

SELECT
    ANSWERED.PLACE,
    ROUND(SUM(OF_RUNS.N_BAD * ANSWERED.N_IMAGES / OF_RUNS.N_IMAGES))::NUMBER AS N_IMAGES
FROM ANSWERED
INNER JOIN OF_RUNS ON ANSWERED.RUN_ID = OF_RUNS.RUN_ID
GROUP BY ANSWERED.PLACE
