-- How many answers of a version have a label of a random sample by now, and how many of them are right.
-- Bound: version
SELECT
    COUNT(*) AS N_LABELLED,
    COUNT_IF(IS_RIGHT) AS N_RIGHT
FROM LABELLED_ANSWERS
WHERE VERSION = %(version)s
