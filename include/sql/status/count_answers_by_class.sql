-- How many images a version was the first to answer, by predicted class.
-- Bound: version
SELECT
    TYPE AS LABEL,
    COUNT(*) AS N_IMAGES
FROM FIRST_ANSWERS
WHERE VERSION = %(version)s
GROUP BY TYPE
