-- It is told to nobody any more.
-- Bound: alert_id, error (why, if something is missing; null: it was no longer wanted)
UPDATE ALERTS
SET DROPPED_AT = SYSDATE(), CLAIMED_UNTIL = NULL, ERROR = %(error)s
WHERE ALERT_ID = %(alert_id)s
