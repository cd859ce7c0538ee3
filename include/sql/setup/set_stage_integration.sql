-- The pipeline file is what counts: a stage that was made for another place now shows this one.
-- Identifiers: stage, url, integration
ALTER STAGE {stage} SET
    URL = '{url}'
    STORAGE_INTEGRATION = {integration}
