-- For schemas that were set up before answers held what their image looks like.
-- Identifiers: column
ALTER TABLE PREDICTIONS ADD COLUMN IF NOT EXISTS {column} FLOAT
