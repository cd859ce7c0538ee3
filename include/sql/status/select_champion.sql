-- Which version is in production, and since when; no row: there is none yet.
SELECT
    VERSION,
    EVENT_SEQ,
    AT
FROM CHAMPION
