-- What was found about a version and the drift of a check, once (this transaction is alone).
-- Bound: version, check_id, cures (null: not checked), evidence, reasons, run_id
INSERT INTO CURE_CHECKS (VERSION, CHECK_ID, CURES, EVIDENCE, REASONS, RUN_ID, CHECKED_AT)
SELECT
    %(version)s,
    %(check_id)s,
    %(cures)s::BOOLEAN,
    PARSE_JSON(%(evidence)s),
    PARSE_JSON(%(reasons)s),
    %(run_id)s,
    SYSDATE()
WHERE NOT EXISTS (
    SELECT 1 FROM CURE_CHECKS
    WHERE VERSION = %(version)s AND CHECK_ID = %(check_id)s
)
