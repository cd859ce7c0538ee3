-- What a run came to that trained a version again, once (this transaction is alone).
-- Bound: run_id, version, same_weights, weights_sha256, accuracy, original_accuracy, n_images, computed, differences
INSERT INTO REPRODUCTIONS (
    RUN_ID, VERSION, SAME_WEIGHTS, WEIGHTS_SHA256, ACCURACY, ORIGINAL_ACCURACY, N_IMAGES, COMPUTED, DIFFERENCES,
    REPRODUCED_AT
)
SELECT
    %(run_id)s,
    %(version)s,
    %(same_weights)s::BOOLEAN,
    %(weights_sha256)s,
    %(accuracy)s,
    %(original_accuracy)s,
    %(n_images)s,
    PARSE_JSON(%(computed)s),
    PARSE_JSON(%(differences)s),
    SYSDATE()
WHERE NOT EXISTS (
    SELECT 1 FROM REPRODUCTIONS
    WHERE RUN_ID = %(run_id)s
)
