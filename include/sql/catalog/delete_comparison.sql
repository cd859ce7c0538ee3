-- An earlier comparison of a stage with the catalog makes way for the one of this transaction.
-- Bound: stage_name
DELETE FROM STAGE_COMPARISONS
WHERE STAGE = %(stage_name)s
