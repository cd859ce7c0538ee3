-- Where the pixels of some contents lie, those that were prepared last, and how large the originals are.
-- Bound: contents
SELECT
    CONTENT_SHA256,
    SEGMENT,
    SEGMENT_ROW,
    WIDTH,
    HEIGHT
FROM PIXELS
WHERE CONTENT_SHA256 IN (%(contents)s)
QUALIFY
    ROW_NUMBER() OVER (
        PARTITION BY CONTENT_SHA256
        ORDER BY WRITTEN_AT DESC, PREPROCESSING_DIGEST ASC
    ) = 1
ORDER BY CONTENT_SHA256
