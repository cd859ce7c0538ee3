-- Who the session is, with which role, on which virtual warehouse, and what time it is there.
SELECT
    CURRENT_ACCOUNT() AS ACCOUNT_NAME,
    CURRENT_USER() AS USER_NAME,
    CURRENT_ROLE() AS ROLE_NAME,
    CURRENT_WAREHOUSE() AS COMPUTE,
    SYSDATE() AS NOW
