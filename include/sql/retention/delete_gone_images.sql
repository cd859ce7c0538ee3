-- The loaded images that one stage no longer holds leave the catalog.
-- Bound: stage_name; identifiers: stage
DELETE FROM IMAGES
WHERE
    STAGE = %(stage_name)s
    AND EXISTS (
        SELECT 1 FROM LOADED_KEYS
        WHERE
            LOADED_KEYS.STAGE = IMAGES.STAGE
            AND LOADED_KEYS.RELATIVE_PATH = IMAGES.RELATIVE_PATH
            AND LOADED_KEYS.ETAG = IMAGES.ETAG
    )
    AND NOT EXISTS (
        SELECT 1
        FROM DIRECTORY(@{stage}) AS LISTED
        WHERE LISTED.RELATIVE_PATH = IMAGES.RELATIVE_PATH AND LISTED.ETAG = IMAGES.ETAG
    )
