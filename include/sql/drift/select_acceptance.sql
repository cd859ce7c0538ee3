-- Who has declared the images of a check normal, if anybody has.
-- Bound: check_id
SELECT
    CHECK_ID,
    REASON,
    ACTOR,
    ACCEPTED_AT
FROM ACCEPTED_CHECKS
WHERE CHECK_ID = %(check_id)s
