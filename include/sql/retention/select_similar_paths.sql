-- The paths in the catalog that are spelt most like this one: the nearest of the thousand that look most like it, as
-- among millions the distance takes minutes, and the likeness a second.
-- Bound: relative_path, stage_names
WITH ALIKE AS (
    SELECT
        STAGE,
        RELATIVE_PATH
    FROM IMAGES
    WHERE STAGE IN (%(stage_names)s)
    ORDER BY JAROWINKLER_SIMILARITY(RELATIVE_PATH, %(relative_path)s) DESC, STAGE ASC, RELATIVE_PATH ASC
    LIMIT 1000
)

SELECT DISTINCT
    STAGE,
    RELATIVE_PATH,
    EDITDISTANCE(RELATIVE_PATH, %(relative_path)s) AS N_EDITS
FROM ALIKE
ORDER BY N_EDITS, STAGE, RELATIVE_PATH
LIMIT 3
