-- One snapshot, if it is there.
-- Bound: snapshot_id
SELECT
    SNAPSHOT_ID,
    N_IMAGES,
    N_CLASSES,
    RUN_ID
FROM SNAPSHOTS
WHERE SNAPSHOT_ID = %(snapshot_id)s
