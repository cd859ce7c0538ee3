-- All of a stage has just been compared with the catalog. This consumes the stage's stream, which from now on shows
-- what comes after.
-- Bound: stage_name, read_as; identifiers: stream
INSERT INTO STAGE_COMPARISONS (STAGE, READ_AS, COMPARED_AT, N_CHANGES)
SELECT
    %(stage_name)s,
    %(read_as)s,
    SYSDATE(),
    COUNT(*)
FROM {stream}
