-- Where the features of the loaded contents lie, as far as a backbone has looked at them.
-- Bound: preprocessing_digest, backbone_digest
SELECT
    LOADED_FEATURES.CONTENT_SHA256,
    FEATURES.SEGMENT,
    FEATURES.SEGMENT_ROW
FROM LOADED_FEATURES
INNER JOIN FEATURES ON LOADED_FEATURES.CONTENT_SHA256 = FEATURES.CONTENT_SHA256
WHERE
    FEATURES.PREPROCESSING_DIGEST = %(preprocessing_digest)s
    AND FEATURES.BACKBONE_DIGEST = %(backbone_digest)s
