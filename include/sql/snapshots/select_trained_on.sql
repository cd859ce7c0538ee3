-- The contents on the test side of a snapshot that are on the training side of it or of the champion's.
-- Bound: snapshot_id, champion_snapshot_id
SELECT DISTINCT TESTED.CONTENT_SHA256
FROM SNAPSHOT_IMAGES AS TESTED
INNER JOIN SNAPSHOT_IMAGES AS TRAINED ON TESTED.CONTENT_SHA256 = TRAINED.CONTENT_SHA256
WHERE
    TESTED.SNAPSHOT_ID = %(snapshot_id)s
    AND TESTED.SPLIT = 'test'
    AND TRAINED.SNAPSHOT_ID IN (%(snapshot_id)s, %(champion_snapshot_id)s)
    AND TRAINED.SPLIT = 'train'
ORDER BY TESTED.CONTENT_SHA256
