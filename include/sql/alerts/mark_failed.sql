-- It could not go through a channel, and is tried again after a while.
-- Bound: alert_id, seconds, error
UPDATE ALERTS
SET
    N_TRIES = N_TRIES + 1,
    NEXT_TRY_AT = DATEADD(SECOND, %(seconds)s, SYSDATE()),
    CLAIMED_UNTIL = NULL,
    ERROR = %(error)s
WHERE ALERT_ID = %(alert_id)s
