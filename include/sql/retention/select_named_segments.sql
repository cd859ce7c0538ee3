-- Those of these segments that PIXELS or FEATURES names.
-- Bound: segments
SELECT SEGMENT
FROM PIXELS
WHERE SEGMENT IN (%(segments)s)
UNION DISTINCT
SELECT SEGMENT
FROM FEATURES
WHERE SEGMENT IN (%(segments)s)
