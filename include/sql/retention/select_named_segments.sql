-- Those of these segments that PIXELS names.
-- Bound: segments
SELECT DISTINCT SEGMENT
FROM PIXELS
WHERE SEGMENT IN (%(segments)s)
