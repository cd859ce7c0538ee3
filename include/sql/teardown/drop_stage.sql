-- A stage; of an internal one the files go with it.
-- Identifiers: stage
DROP STAGE IF EXISTS {stage}
