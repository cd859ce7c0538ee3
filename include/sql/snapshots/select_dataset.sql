-- The images of a snapshot: label, side, and where their pixels lie (nowhere if unreadable), in a fixed order.
-- Bound: snapshot_id, preprocessing_digest
SELECT
    SNAPSHOT_IMAGES.LABEL,
    SNAPSHOT_IMAGES.SPLIT,
    PIXELS.SEGMENT,
    PIXELS.SEGMENT_ROW
FROM SNAPSHOT_IMAGES
LEFT JOIN PIXELS
    ON
        SNAPSHOT_IMAGES.CONTENT_SHA256 = PIXELS.CONTENT_SHA256
        AND PIXELS.PREPROCESSING_DIGEST = %(preprocessing_digest)s
WHERE SNAPSHOT_IMAGES.SNAPSHOT_ID = %(snapshot_id)s
ORDER BY SNAPSHOT_IMAGES.STAGE, SNAPSHOT_IMAGES.RELATIVE_PATH, SNAPSHOT_IMAGES.ETAG
