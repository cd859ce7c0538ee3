-- Where the pixels of the images lie that a check has asked people to label, and how large the originals are; those
-- that were not prepared have no row.
-- Bound: check_id, preprocessing_digest
SELECT
    LABEL_REQUESTS.PLACE,
    PIXELS.SEGMENT,
    PIXELS.SEGMENT_ROW,
    PIXELS.WIDTH,
    PIXELS.HEIGHT
FROM LABEL_REQUESTS
INNER JOIN IMAGES
    ON
        LABEL_REQUESTS.STAGE = IMAGES.STAGE
        AND LABEL_REQUESTS.RELATIVE_PATH = IMAGES.RELATIVE_PATH
        AND LABEL_REQUESTS.ETAG = IMAGES.ETAG
INNER JOIN PIXELS
    ON
        IMAGES.CONTENT_SHA256 = PIXELS.CONTENT_SHA256
        AND PIXELS.PREPROCESSING_DIGEST = %(preprocessing_digest)s
WHERE LABEL_REQUESTS.CHECK_ID = %(check_id)s
ORDER BY LABEL_REQUESTS.PLACE
