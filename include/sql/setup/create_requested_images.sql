-- The images that people were ever asked to label, and how each was picked: 'informative' if it once was.
CREATE OR REPLACE VIEW REQUESTED_IMAGES COPY GRANTS AS
SELECT
    STAGE,
    RELATIVE_PATH,
    ETAG,
    MIN(KIND) AS KIND
FROM LABEL_REQUESTS
GROUP BY STAGE, RELATIVE_PATH, ETAG
