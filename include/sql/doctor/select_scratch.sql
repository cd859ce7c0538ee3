-- What has come into the doctor's table.
SELECT
    STAGE,
    RELATIVE_PATH,
    ETAG
FROM LOADED_SCRATCH
ORDER BY RELATIVE_PATH
