-- The newest snapshot, and the run that has frozen it.
SELECT
    SNAPSHOT_ID,
    RUN_ID
FROM SNAPSHOTS
ORDER BY CREATED_AT DESC, SNAPSHOT_ID ASC
LIMIT 1
