-- What FEATURES names in one file, in the order of its rows.
-- Bound: segment
SELECT
    CONTENT_SHA256,
    PREPROCESSING_DIGEST,
    BACKBONE_DIGEST,
    SEGMENT_ROW
FROM FEATURES
WHERE SEGMENT = %(segment)s
ORDER BY SEGMENT_ROW
