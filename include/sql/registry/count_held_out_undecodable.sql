-- The images of a snapshot's validation and test side that cannot be decoded.
-- Bound: snapshot_id
SELECT COUNT(*) AS N
FROM SNAPSHOT_IMAGES
INNER JOIN QUARANTINE
    ON
        SNAPSHOT_IMAGES.STAGE = QUARANTINE.STAGE
        AND SNAPSHOT_IMAGES.RELATIVE_PATH = QUARANTINE.RELATIVE_PATH
        AND SNAPSHOT_IMAGES.ETAG = QUARANTINE.ETAG
WHERE
    SNAPSHOT_IMAGES.SNAPSHOT_ID = %(snapshot_id)s
    AND SNAPSHOT_IMAGES.SPLIT IN ('validation', 'test')
    -- what was forgotten on request is not broken
    AND QUARANTINE.RUN_ID NOT IN (SELECT FORGOTTEN.RUN_ID FROM FORGOTTEN)
