-- Mails when drift checks stay away: none for twice the schedule, of a champion that has been one for as long. It runs
-- in Snowflake, so it also tells when Airflow itself is down.
-- Bound: silence_s, evaluated, integration_name, recipients, subject, message; identifiers: compute
CREATE OR REPLACE ALERT DRIFT_CHECK_MISSING
    WAREHOUSE = {compute}
    SCHEDULE = %(evaluated)s
IF (EXISTS (
    SELECT 1 AS IS_SILENT
    FROM CHAMPION
    WHERE
        CHAMPION.AT < DATEADD('SECOND', -%(silence_s)s, SYSDATE())
        AND NOT EXISTS (
            SELECT 1 AS IS_CHECKED
            FROM DRIFT_CHECKS
            WHERE DRIFT_CHECKS.CHECKED_AT >= DATEADD('SECOND', -%(silence_s)s, SYSDATE())
        )
))
THEN CALL SYSTEM$SEND_EMAIL(%(integration_name)s, %(recipients)s, %(subject)s, %(message)s)
