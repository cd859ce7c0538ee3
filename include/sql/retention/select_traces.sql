-- What else the warehouse has of one path of one stage: answers and labels.
-- Bound: stage_name, relative_path
SELECT
    (
        SELECT COUNT(*) FROM PREDICTIONS
        WHERE STAGE = %(stage_name)s AND RELATIVE_PATH = %(relative_path)s
    ) AS N_PREDICTIONS,
    (
        SELECT COUNT(*) FROM LABELS
        WHERE STAGE = %(stage_name)s AND RELATIVE_PATH = %(relative_path)s
    ) AS N_LABELS
