-- The next version (this transaction is alone).
-- Bound: snapshot_id, config, metrics, n_training_images, artifact_path, sha256, temperature, run_id
INSERT INTO MODEL_VERSIONS (
    VERSION, SNAPSHOT_ID, CONFIG, METRICS, N_TRAINING_IMAGES, ARTIFACT_PATH, SHA256, TEMPERATURE, RUN_ID, CREATED_AT
)
SELECT
    COALESCE(MAX(VERSION), 0) + 1,
    %(snapshot_id)s,
    PARSE_JSON(%(config)s),
    PARSE_JSON(%(metrics)s),
    %(n_training_images)s,
    %(artifact_path)s,
    %(sha256)s,
    %(temperature)s,
    %(run_id)s,
    SYSDATE()
FROM MODEL_VERSIONS
