-- Whether all of a stage was compared with the catalog lately, when it was read as it is now: then the stage's stream
-- shows all that has changed since.
-- Bound: stage_name, read_as, max_age_seconds
SELECT COUNT(*) AS N_COMPARISONS
FROM STAGE_COMPARISONS
WHERE
    STAGE = %(stage_name)s
    AND READ_AS = %(read_as)s
    AND DATEDIFF(SECOND, COMPARED_AT, SYSDATE()) < %(max_age_seconds)s
