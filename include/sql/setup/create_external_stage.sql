-- A stage over files that lie elsewhere, with a directory table.
-- Identifiers: stage, url
CREATE STAGE IF NOT EXISTS {stage}
    URL = '{url}'
    DIRECTORY = (ENABLE = TRUE)
