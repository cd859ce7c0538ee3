-- A row is what a version's answers to its held-out images (validation and test side) looked like when it was accepted.
-- EDGES: the edges of the bins of confidence; COUNTS: images in each bin; COUNTS_BY_CLASS: the same of each predicted
-- class; IMAGE_STATISTICS: edges and counts of each statistic of the images; HELD_OUT: which were answered rightly, in
-- the same bins, those of each true class, the confusion matrix, and how many could not be decoded; FEATURES: what the
-- network sees in a sample of them. The last two are null in rows of older releases.
CREATE TABLE IF NOT EXISTS BASELINES (
    VERSION NUMBER NOT NULL PRIMARY KEY,
    EDGES VARIANT NOT NULL,
    COUNTS VARIANT NOT NULL,
    COUNTS_BY_CLASS VARIANT NOT NULL,
    IMAGE_STATISTICS VARIANT NOT NULL,
    N_IMAGES NUMBER NOT NULL,
    CREATED_AT TIMESTAMP_NTZ NOT NULL,
    HELD_OUT VARIANT,
    FEATURES VARIANT
)
