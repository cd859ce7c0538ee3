-- Through which channels it has gone: it never goes through one of them again.
-- Bound: alert_id, delivered_to
UPDATE ALERTS
SET DELIVERED_TO = PARSE_JSON(%(delivered_to)s)
WHERE ALERT_ID = %(alert_id)s
