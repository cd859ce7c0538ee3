-- Every segment that PIXELS names, and whether its file holds pixels that PIXELS does not name: a segment's name is the
-- digest of all that was written into it (write_segment of include/store/pixels.py).
SELECT
    SEGMENT,
    SEGMENT <> 'segments/'
    || SHA2(
        MIN(PREPROCESSING_DIGEST) || CHR(10) || LISTAGG(CONTENT_SHA256, CHR(10)) WITHIN GROUP (ORDER BY SEGMENT_ROW)
    )
    || '.safetensors' AS HOLDS_UNNAMED
FROM PIXELS
GROUP BY SEGMENT
ORDER BY SEGMENT
