-- How many images of a stage are live.
-- Bound: stage_name
SELECT COUNT(*) AS N_LIVE
FROM IMAGES
WHERE STAGE = %(stage_name)s AND GONE_AT IS NULL
