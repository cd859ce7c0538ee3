-- Somebody is at it; whoever was killed meanwhile keeps it from others no longer than this.
-- Bound: alert_id, seconds
UPDATE ALERTS
SET CLAIMED_UNTIL = DATEADD(SECOND, %(seconds)s, SYSDATE())
WHERE ALERT_ID = %(alert_id)s
