-- From which label to which other one a rollback changed how many images, the most frequent change first, at most so
-- many; and N_CHANGES, how many there are in all.
-- Bound: event_seq, max_changes
SELECT
    TYPE_BEFORE,
    TYPE_AFTER,
    SUM(N_IMAGES) AS N_IMAGES,
    COUNT(*) OVER () AS N_CHANGES
FROM RECALLS
WHERE EVENT_SEQ = %(event_seq)s AND TYPE_BEFORE <> TYPE_AFTER
GROUP BY TYPE_BEFORE, TYPE_AFTER
ORDER BY SUM(N_IMAGES) DESC, TYPE_BEFORE ASC, TYPE_AFTER ASC
LIMIT %(max_changes)s
