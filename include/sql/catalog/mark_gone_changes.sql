-- Live images whose file the stage's stream shows, but not as being there in this version, are gone.
-- Bound: stage_name; identifiers: stream
UPDATE IMAGES
SET GONE_AT = SYSDATE()
WHERE
    STAGE = %(stage_name)s
    AND GONE_AT IS NULL
    AND EXISTS (
        SELECT 1
        FROM {stream} AS CHANGED
        WHERE CHANGED.RELATIVE_PATH = IMAGES.RELATIVE_PATH
    )
    AND NOT EXISTS (
        SELECT 1
        FROM {stream} AS ADDED
        WHERE
            ADDED.RELATIVE_PATH = IMAGES.RELATIVE_PATH
            AND ADDED.ETAG = IMAGES.ETAG
            AND ADDED.METADATA$ACTION = 'INSERT'
    )
