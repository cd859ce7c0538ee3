-- The label that counts of each image that people have labelled: the latest. Two of the same moment are told apart by
-- their text, so that the same rows always make the same snapshot.
CREATE OR REPLACE VIEW CURRENT_LABELS COPY GRANTS AS
SELECT
    STAGE,
    RELATIVE_PATH,
    ETAG,
    LABEL,
    SOURCE
FROM LABELS
QUALIFY
    ROW_NUMBER() OVER (
        PARTITION BY STAGE, RELATIVE_PATH, ETAG
        ORDER BY LABELLED_AT DESC, LABEL ASC, SOURCE ASC
    ) = 1
