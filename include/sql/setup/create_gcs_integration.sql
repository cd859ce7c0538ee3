-- By this Snowflake reaches files on Google's storage without a password; DESCRIBE INTEGRATION says what to allow.
-- Bound: gcs_urls; identifiers: integration
CREATE STORAGE INTEGRATION IF NOT EXISTS {integration}
TYPE = EXTERNAL_STAGE
STORAGE_PROVIDER = 'GCS'
ENABLED = TRUE
STORAGE_ALLOWED_LOCATIONS = (%(gcs_urls)s)
