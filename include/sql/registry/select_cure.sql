-- What was found about a version and the drift of a check; no row: nobody has looked.
-- Bound: version, check_id
SELECT
    CHECK_ID,
    CURES,
    TO_JSON(REASONS) AS REASONS
FROM CURE_CHECKS
WHERE VERSION = %(version)s AND CHECK_ID = %(check_id)s
