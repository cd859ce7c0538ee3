-- For schemas that were set up before a check told which signal spoke, and how accurate the champion was.
-- Identifiers: column
ALTER TABLE DRIFT_CHECKS ADD COLUMN IF NOT EXISTS {column} FLOAT
