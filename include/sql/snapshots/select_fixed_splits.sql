-- The side of every content that has one, whatever became of the file: equal content stays on it.
SELECT
    CONTENT_SHA256,
    MIN(SPLIT) AS SPLIT
FROM IMAGES
WHERE SPLIT IS NOT NULL AND CONTENT_SHA256 IS NOT NULL
GROUP BY CONTENT_SHA256
