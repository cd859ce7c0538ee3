-- The snapshot's images, once. Informative ones that are on another side than the training side have that side, and are
-- not in the snapshot.
-- Bound: snapshot_id
INSERT INTO SNAPSHOT_IMAGES (
    SNAPSHOT_ID, STAGE, RELATIVE_PATH, ETAG, LABEL, LABEL_SOURCE, SPLIT, CONTENT_SHA256
)
SELECT
    %(snapshot_id)s,
    STAGE,
    RELATIVE_PATH,
    ETAG,
    LABEL,
    LABEL_SOURCE,
    SPLIT,
    CONTENT_SHA256
FROM LOADED_SNAPSHOT
WHERE
    (SPLIT = 'train' OR LABEL_SOURCE <> 'informative')
    AND NOT EXISTS (
        SELECT 1 FROM SNAPSHOT_IMAGES AS FROZEN
        WHERE FROZEN.SNAPSHOT_ID = %(snapshot_id)s
    )
