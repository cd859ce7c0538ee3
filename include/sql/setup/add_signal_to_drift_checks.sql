-- For schemas that were set up before a check told which signal spoke.
ALTER TABLE DRIFT_CHECKS ADD COLUMN IF NOT EXISTS SIGNAL VARCHAR
