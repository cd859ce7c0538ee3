-- A person declares the images of a check normal.
-- Bound: check_id, accepted_because, actor
INSERT INTO ACCEPTED_CHECKS (CHECK_ID, REASON, ACTOR, ACCEPTED_AT)
SELECT
    %(check_id)s,
    %(accepted_because)s,
    %(actor)s,
    SYSDATE()
