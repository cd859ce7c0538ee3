-- It has gone through all channels.
-- Bound: alert_id
UPDATE ALERTS
SET DELIVERED_AT = SYSDATE(), CLAIMED_UNTIL = NULL, ERROR = NULL
WHERE ALERT_ID = %(alert_id)s
