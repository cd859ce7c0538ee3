-- By this Snowflake reaches files on Azure without a password; DESCRIBE INTEGRATION says what to allow there.
-- Bound: azure_tenant, azure_urls; identifiers: integration
CREATE STORAGE INTEGRATION IF NOT EXISTS {integration}
TYPE = EXTERNAL_STAGE
STORAGE_PROVIDER = 'AZURE'
ENABLED = TRUE
AZURE_TENANT_ID = %(azure_tenant)s
STORAGE_ALLOWED_LOCATIONS = (%(azure_urls)s)
