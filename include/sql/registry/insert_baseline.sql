-- What a version's answers to its held-out images look like, once.
-- Bound: version, edges, counts, counts_by_class, image_statistics, held_out, features (null: none are known), n_images
INSERT INTO BASELINES (
    VERSION, EDGES, COUNTS, COUNTS_BY_CLASS, IMAGE_STATISTICS, N_IMAGES, CREATED_AT, HELD_OUT, FEATURES
)
SELECT
    %(version)s,
    PARSE_JSON(%(edges)s),
    PARSE_JSON(%(counts)s),
    PARSE_JSON(%(counts_by_class)s),
    PARSE_JSON(%(image_statistics)s),
    %(n_images)s,
    SYSDATE(),
    PARSE_JSON(%(held_out)s),
    PARSE_JSON(%(features)s)
WHERE NOT EXISTS (
    SELECT 1 FROM BASELINES
    WHERE VERSION = %(version)s
)
