-- The versions whose answers count, best first.
SELECT VERSION
FROM SERVING_VERSIONS
ORDER BY PREFERENCE
