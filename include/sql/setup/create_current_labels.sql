-- The label that counts of each image that people have labelled: the latest. Two of the same moment are told apart by
-- their text, so that the same rows always make the same snapshot. If people were asked to label the image, SOURCE is
-- how it was picked, whoever wrote the row.
CREATE OR REPLACE VIEW CURRENT_LABELS COPY GRANTS AS
SELECT
    LABELS.STAGE,
    LABELS.RELATIVE_PATH,
    LABELS.ETAG,
    LABELS.LABEL,
    COALESCE(REQUESTED_IMAGES.KIND, LABELS.SOURCE) AS SOURCE
FROM LABELS
LEFT JOIN REQUESTED_IMAGES
    ON
        LABELS.STAGE = REQUESTED_IMAGES.STAGE
        AND LABELS.RELATIVE_PATH = REQUESTED_IMAGES.RELATIVE_PATH
        AND LABELS.ETAG = REQUESTED_IMAGES.ETAG
QUALIFY
    ROW_NUMBER() OVER (
        PARTITION BY LABELS.STAGE, LABELS.RELATIVE_PATH, LABELS.ETAG
        ORDER BY LABELS.LABELLED_AT DESC, LABELS.LABEL ASC, LABELS.SOURCE ASC
    ) = 1
