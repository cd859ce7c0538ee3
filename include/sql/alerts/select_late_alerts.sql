-- What should have been told a while ago and was not, the oldest first.
-- Bound: seconds
SELECT
    KIND,
    RUN_ID,
    DUE_AT,
    N_TRIES,
    ERROR
FROM ALERTS
WHERE
    DELIVERED_AT IS NULL
    AND DROPPED_AT IS NULL
    AND DUE_AT < DATEADD(SECOND, -%(seconds)s, SYSDATE())
ORDER BY DUE_AT, ALERT_ID
