-- Nothing says any more where the pixels of these contents lie.
-- Bound: contents
DELETE FROM PIXELS
WHERE CONTENT_SHA256 IN (%(contents)s)
