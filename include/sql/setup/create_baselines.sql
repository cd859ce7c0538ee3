-- A row is what a version's answers to its held-out images (validation and test side) looked like when it was accepted.
-- EDGES: the edges of the bins of confidence; COUNTS: images in each bin; COUNTS_BY_CLASS: the same of each predicted
-- class; IMAGE_STATISTICS: edges and counts of each statistic of the images.
CREATE TABLE IF NOT EXISTS BASELINES (
    VERSION NUMBER NOT NULL PRIMARY KEY,
    EDGES VARIANT NOT NULL,
    COUNTS VARIANT NOT NULL,
    COUNTS_BY_CLASS VARIANT NOT NULL,
    IMAGE_STATISTICS VARIANT NOT NULL,
    N_IMAGES NUMBER NOT NULL,
    CREATED_AT TIMESTAMP_NTZ NOT NULL
)
