-- The pipeline file is what counts: these places and no others.
-- Bound: gcs_urls; identifiers: integration
ALTER STORAGE INTEGRATION {integration} SET STORAGE_ALLOWED_LOCATIONS = (%(gcs_urls)s)
