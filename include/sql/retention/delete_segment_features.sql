-- Nothing says any more where the features in these files lie.
-- Bound: segments
DELETE FROM FEATURES
WHERE SEGMENT IN (%(segments)s)
