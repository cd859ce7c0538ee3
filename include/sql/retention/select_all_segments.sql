-- Every segment that PIXELS or FEATURES names, and whether its file holds rows that the table does not name: a
-- segment's name is the digest of all that was written into it (`RowKind.name` of include/store/tensor_rows.py).
SELECT
    SEGMENT,
    SEGMENT <> 'segments/'
    || SHA2(
        MIN(PREPROCESSING_DIGEST) || CHR(10) || LISTAGG(CONTENT_SHA256, CHR(10)) WITHIN GROUP (ORDER BY SEGMENT_ROW)
    )
    || '.safetensors' AS HOLDS_UNNAMED
FROM PIXELS
GROUP BY SEGMENT
UNION ALL
SELECT
    SEGMENT,
    SEGMENT <> 'features/'
    || SHA2(
        MIN(BACKBONE_DIGEST) || CHR(10) || LISTAGG(CONTENT_SHA256, CHR(10)) WITHIN GROUP (ORDER BY SEGMENT_ROW)
    )
    || '.safetensors' AS HOLDS_UNNAMED
FROM FEATURES
GROUP BY SEGMENT
ORDER BY SEGMENT
