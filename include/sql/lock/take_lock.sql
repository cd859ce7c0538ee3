-- The first statement of every transaction that must be alone in the pipeline's schema.
UPDATE PIPELINE_LOCK
SET N_HOLDERS = N_HOLDERS + 1, HELD_AT = SYSDATE()
WHERE LOCK_ID = 1
