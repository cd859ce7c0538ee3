-- What a snapshot's id is the digest of.
-- Bound: snapshot_id
SELECT
    STAGE,
    RELATIVE_PATH,
    ETAG,
    LABEL,
    LABEL_SOURCE,
    SPLIT,
    CONTENT_SHA256
FROM SNAPSHOT_IMAGES
WHERE SNAPSHOT_ID = %(snapshot_id)s
