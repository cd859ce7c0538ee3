-- A stage over files that lie in a bucket which Snowflake reaches by an integration, with a directory table.
-- Identifiers: stage, url, integration
CREATE STAGE IF NOT EXISTS {stage}
    URL = '{url}'
    STORAGE_INTEGRATION = {integration}
    DIRECTORY = (ENABLE = TRUE)
