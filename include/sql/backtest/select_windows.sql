-- The stored answers cut into windows: of each period of a champion its own first answers, in the order of their
-- commits, so many a window; what is left over at a period's end makes none. The latest windows, at most so many, in
-- order, with what labels say by now; N_WINDOWS, the number of all that there are; N_WINDOWS_SINCE_PROMOTION, those of
-- its period that were before (null: a rollback has begun it, or it began before the answers that are asked for).
-- Bound: window_size, since, max_windows
WITH PERIODS AS (
    SELECT
        EVENT_SEQ,
        VERSION,
        AT,
        EVENT = 'PROMOTED' AND AT >= %(since)s::TIMESTAMP_NTZ AS IS_WHOLE_PROMOTION,
        LEAD(AT) OVER (PARTITION BY VERSION ORDER BY EVENT_SEQ) AS AGAIN_AT
    FROM MODEL_EVENTS
    WHERE EVENT IN ('PROMOTED', 'ROLLED_BACK')
),

ANSWERS AS (
    SELECT
        PERIODS.EVENT_SEQ,
        PERIODS.IS_WHOLE_PROMOTION,
        FIRST_ANSWERS.VERSION,
        FIRST_ANSWERS.COMMIT_SEQ,
        FIRST_ANSWERS.PRED_TIMESTAMP,
        LABELLED_ANSWERS.IS_RIGHT,
        FLOOR(
            (ROW_NUMBER() OVER (PARTITION BY PERIODS.EVENT_SEQ ORDER BY FIRST_ANSWERS.COMMIT_SEQ) - 1)
            / %(window_size)s
        ) AS WINDOW_NUMBER
    FROM FIRST_ANSWERS
    INNER JOIN PERIODS
        ON
            FIRST_ANSWERS.VERSION = PERIODS.VERSION
            AND FIRST_ANSWERS.PRED_TIMESTAMP >= PERIODS.AT
            AND (FIRST_ANSWERS.PRED_TIMESTAMP < PERIODS.AGAIN_AT OR PERIODS.AGAIN_AT IS NULL)
    LEFT JOIN LABELLED_ANSWERS
        ON
            FIRST_ANSWERS.VERSION = LABELLED_ANSWERS.VERSION
            AND FIRST_ANSWERS.COMMIT_SEQ = LABELLED_ANSWERS.COMMIT_SEQ
    WHERE FIRST_ANSWERS.PRED_TIMESTAMP >= %(since)s::TIMESTAMP_NTZ
),

FULL_WINDOWS AS (
    SELECT
        EVENT_SEQ,
        VERSION,
        MIN(COMMIT_SEQ) AS FIRST_COMMIT_SEQ,
        MAX(COMMIT_SEQ) AS LAST_COMMIT_SEQ,
        COUNT(*) AS N_IMAGES,
        COUNT(IS_RIGHT) AS N_LABELLED,
        COUNT_IF(IS_RIGHT) AS N_RIGHT,
        MIN(PRED_TIMESTAMP) AS STARTED_AT,
        MAX(PRED_TIMESTAMP) AS ENDED_AT,
        IFF(IS_WHOLE_PROMOTION, WINDOW_NUMBER, NULL) AS N_WINDOWS_SINCE_PROMOTION
    FROM ANSWERS
    GROUP BY EVENT_SEQ, VERSION, WINDOW_NUMBER, IS_WHOLE_PROMOTION
    HAVING COUNT(*) = %(window_size)s
),

LATEST AS (
    SELECT
        *,
        COUNT(*) OVER () AS N_WINDOWS
    FROM FULL_WINDOWS
    QUALIFY ROW_NUMBER() OVER (ORDER BY FIRST_COMMIT_SEQ DESC) <= %(max_windows)s
)

SELECT
    EVENT_SEQ,
    VERSION,
    FIRST_COMMIT_SEQ,
    LAST_COMMIT_SEQ,
    N_IMAGES,
    N_LABELLED,
    N_RIGHT,
    STARTED_AT,
    ENDED_AT,
    N_WINDOWS,
    N_WINDOWS_SINCE_PROMOTION
FROM LATEST
ORDER BY FIRST_COMMIT_SEQ
