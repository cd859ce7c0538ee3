-- For schemas that were set up before runs named the drift check that asked for them.
ALTER TABLE RUNS ADD COLUMN IF NOT EXISTS CHECK_ID VARCHAR
