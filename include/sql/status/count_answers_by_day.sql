-- The images answered for the first time on each day, by the predicted classes that are most frequent; LABEL is null
-- for all others together. N_CLASSES: how many classes were predicted at all.
-- Bound: since, n_classes
WITH ANSWERS AS (
    SELECT
        DATE_TRUNC('DAY', PRED_TIMESTAMP) AS DAY,
        TYPE,
        COUNT(*) AS N_IMAGES
    FROM FIRST_ANSWERS
    WHERE PRED_TIMESTAMP >= %(since)s
    GROUP BY DATE_TRUNC('DAY', PRED_TIMESTAMP), TYPE
),

CLASSES AS (
    SELECT
        TYPE,
        ROW_NUMBER() OVER (ORDER BY SUM(N_IMAGES) DESC, TYPE ASC) AS PLACE,
        COUNT(*) OVER () AS N_CLASSES
    FROM ANSWERS
    GROUP BY TYPE
)

SELECT
    ANSWERS.DAY,
    IFF(CLASSES.PLACE <= %(n_classes)s, ANSWERS.TYPE, NULL) AS LABEL,
    SUM(ANSWERS.N_IMAGES) AS N_IMAGES,
    MAX(CLASSES.N_CLASSES) AS N_CLASSES
FROM ANSWERS
INNER JOIN CLASSES ON ANSWERS.TYPE = CLASSES.TYPE
GROUP BY ANSWERS.DAY, IFF(CLASSES.PLACE <= %(n_classes)s, ANSWERS.TYPE, NULL)
ORDER BY ANSWERS.DAY ASC, N_IMAGES DESC
