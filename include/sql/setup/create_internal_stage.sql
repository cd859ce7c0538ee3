-- A stage whose files lie in Snowflake: server-side encryption, as files opened through URLs
-- need, and a directory table.
-- Identifiers: stage
CREATE STAGE IF NOT EXISTS {stage}
    ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')
    DIRECTORY = (ENABLE = TRUE)
