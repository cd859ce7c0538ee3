-- Every label that people gave to the file at a path, in both stages. SOURCE: how the image was picked, if people were
-- asked to label it.
-- Bound: stage_names, relative_path
SELECT
    STAGE,
    ETAG,
    LABEL,
    SOURCE,
    LABELLED_AT,
    ROW_NUMBER() OVER (PARTITION BY STAGE, ETAG ORDER BY LABELLED_AT DESC, LABEL ASC, SOURCE ASC) = 1 AS IS_CURRENT
FROM LABELS
WHERE STAGE IN (%(stage_names)s) AND RELATIVE_PATH = %(relative_path)s
ORDER BY LABELLED_AT, STAGE, ETAG, LABEL
