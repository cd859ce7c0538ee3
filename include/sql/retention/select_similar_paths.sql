-- The paths in the catalog that are spelt most like this one.
-- Bound: relative_path, stage_names
SELECT DISTINCT
    STAGE,
    RELATIVE_PATH,
    EDITDISTANCE(RELATIVE_PATH, %(relative_path)s) AS N_EDITS
FROM IMAGES
WHERE STAGE IN (%(stage_names)s)
ORDER BY N_EDITS, STAGE, RELATIVE_PATH
LIMIT 3
