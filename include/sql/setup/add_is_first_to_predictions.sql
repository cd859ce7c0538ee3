-- For schemas that were set up before answers said whether they were the first to their image.
ALTER TABLE PREDICTIONS ADD COLUMN IF NOT EXISTS IS_FIRST BOOLEAN
