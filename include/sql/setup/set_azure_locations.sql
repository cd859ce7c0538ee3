-- The pipeline file is what counts: these places and no others.
-- Bound: azure_urls; identifiers: integration
ALTER STORAGE INTEGRATION {integration} SET STORAGE_ALLOWED_LOCATIONS = (%(azure_urls)s)
