-- The pipeline file is what counts: these places and no others.
-- Bound: aws_urls; identifiers: integration
ALTER STORAGE INTEGRATION {integration} SET STORAGE_ALLOWED_LOCATIONS = (%(aws_urls)s)
