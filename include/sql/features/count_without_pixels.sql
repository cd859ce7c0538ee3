-- How many of the loaded contents have no pixels any more: they were forgotten on request meanwhile.
-- Bound: preprocessing_digest
SELECT COUNT(*) AS N_CONTENTS
FROM LOADED_FEATURES
LEFT JOIN PIXELS
    ON
        LOADED_FEATURES.CONTENT_SHA256 = PIXELS.CONTENT_SHA256
        AND PIXELS.PREPROCESSING_DIGEST = %(preprocessing_digest)s
WHERE PIXELS.CONTENT_SHA256 IS NULL
