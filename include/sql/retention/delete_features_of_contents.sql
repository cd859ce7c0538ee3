-- Nothing says any more where the features of these contents lie.
-- Bound: contents
DELETE FROM FEATURES
WHERE CONTENT_SHA256 IN (%(contents)s)
