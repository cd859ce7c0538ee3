-- In how many seconds there is something to tell, by the warehouse's clock; null: there is nothing.
SELECT
    DATEDIFF(
        SECOND, SYSDATE(), MIN(GREATEST(NEXT_TRY_AT, COALESCE(CLAIMED_UNTIL, NEXT_TRY_AT)))
    ) AS SECONDS
FROM ALERTS
WHERE DELIVERED_AT IS NULL AND DROPPED_AT IS NULL
