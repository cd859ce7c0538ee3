-- The classes of the newest answers, the most frequent first.
-- Bound: n_looked_at, n_classes
WITH LATEST AS (
    SELECT TYPE
    FROM PREDICTIONS
    ORDER BY COMMIT_SEQ DESC
    LIMIT %(n_looked_at)s
)

SELECT TYPE AS CLASS_NAME
FROM LATEST
GROUP BY TYPE
ORDER BY COUNT(*) DESC, TYPE ASC
LIMIT %(n_classes)s
