-- What PIXELS names in one segment, in the order of its rows.
-- Bound: segment
SELECT
    CONTENT_SHA256,
    PREPROCESSING_DIGEST,
    SEGMENT_ROW
FROM PIXELS
WHERE SEGMENT = %(segment)s
ORDER BY SEGMENT_ROW
