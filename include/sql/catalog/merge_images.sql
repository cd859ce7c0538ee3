-- New versions of files become rows; one that reappears, or whose label is read differently now, is updated. What has
-- not changed is left out first, so that the merge takes as long as there are changes, not as long as there are files.
-- Bound: stage_name, prefix, label_pattern, label_group; identifiers: stage
MERGE INTO IMAGES
USING (
    WITH LISTED AS (
        SELECT
            RELATIVE_PATH,
            ETAG,
            SIZE,
            LAST_MODIFIED,
            FILE_URL,
            REGEXP_SUBSTR(
                SUBSTR(RELATIVE_PATH, LENGTH(%(prefix)s) + 1), %(label_pattern)s, 1, 1, 'e', %(label_group)s
            ) AS LABEL
        FROM DIRECTORY(@{stage})
        WHERE STARTSWITH(RELATIVE_PATH, %(prefix)s)
    ),

    KNOWN AS (
        SELECT
            RELATIVE_PATH,
            ETAG,
            LABEL
        FROM IMAGES
        WHERE STAGE = %(stage_name)s AND GONE_AT IS NULL
    )

    SELECT
        LISTED.RELATIVE_PATH,
        LISTED.ETAG,
        LISTED.SIZE,
        CAST(CONVERT_TIMEZONE('UTC', LISTED.LAST_MODIFIED) AS TIMESTAMP_NTZ) AS LAST_MODIFIED,
        LISTED.FILE_URL,
        LISTED.LABEL
    FROM LISTED
    LEFT JOIN KNOWN
        ON
            LISTED.RELATIVE_PATH = KNOWN.RELATIVE_PATH
            AND LISTED.ETAG = KNOWN.ETAG
    WHERE KNOWN.ETAG IS NULL OR NOT EQUAL_NULL(LISTED.LABEL, KNOWN.LABEL)
    QUALIFY
        ROW_NUMBER() OVER (
            PARTITION BY LISTED.RELATIVE_PATH, LISTED.ETAG ORDER BY LISTED.LAST_MODIFIED DESC
        ) = 1
) AS CHANGED
    ON
        IMAGES.STAGE = %(stage_name)s
        AND IMAGES.RELATIVE_PATH = CHANGED.RELATIVE_PATH
        AND IMAGES.ETAG = CHANGED.ETAG
WHEN MATCHED AND (IMAGES.GONE_AT IS NOT NULL OR NOT EQUAL_NULL(IMAGES.LABEL, CHANGED.LABEL))
THEN UPDATE SET IMAGES.GONE_AT = NULL, IMAGES.LABEL = CHANGED.LABEL
WHEN NOT MATCHED THEN INSERT (
    STAGE, RELATIVE_PATH, ETAG, SIZE, LAST_MODIFIED, FILE_URL, LABEL, FIRST_SEEN_AT
) VALUES (
    %(stage_name)s,
    CHANGED.RELATIVE_PATH,
    CHANGED.ETAG,
    CHANGED.SIZE,
    CHANGED.LAST_MODIFIED,
    CHANGED.FILE_URL,
    CHANGED.LABEL,
    SYSDATE()
)
