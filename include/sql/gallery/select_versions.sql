-- The versions that have been champion, the latest promoted first.
-- Bound: n_versions
SELECT VERSION
FROM MODEL_EVENTS
WHERE EVENT = 'PROMOTED'
GROUP BY VERSION
ORDER BY MAX(EVENT_SEQ) DESC
LIMIT %(n_versions)s
