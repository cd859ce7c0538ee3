-- Nothing says any more where the pixels of these segments lie.
-- Bound: segments
DELETE FROM PIXELS
WHERE SEGMENT IN (%(segments)s)
