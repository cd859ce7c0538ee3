-- By this Snowflake reaches files on S3 without a password; DESCRIBE INTEGRATION says what to allow there.
-- Bound: aws_role, aws_provider, aws_urls; identifiers: integration
CREATE STORAGE INTEGRATION IF NOT EXISTS {integration}
TYPE = EXTERNAL_STAGE
STORAGE_PROVIDER = %(aws_provider)s
ENABLED = TRUE
STORAGE_AWS_ROLE_ARN = %(aws_role)s
STORAGE_ALLOWED_LOCATIONS = (%(aws_urls)s)
