-- The snapshot, once.
-- Bound: snapshot_id, n_images, n_classes, run_id
INSERT INTO SNAPSHOTS (SNAPSHOT_ID, N_IMAGES, N_CLASSES, RUN_ID, CREATED_AT)
SELECT
    %(snapshot_id)s,
    %(n_images)s,
    %(n_classes)s,
    %(run_id)s,
    SYSDATE()
WHERE NOT EXISTS (
    SELECT 1 FROM SNAPSHOTS
    WHERE SNAPSHOT_ID = %(snapshot_id)s
)
