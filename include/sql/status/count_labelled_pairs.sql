-- What a version took the new images of each class for, as far as labels of randomly picked images tell.
-- Bound: version
SELECT
    LABEL,
    TYPE AS GIVEN,
    COUNT(*) AS N_IMAGES
FROM LABELLED_ANSWERS
WHERE VERSION = %(version)s
GROUP BY LABEL, TYPE
