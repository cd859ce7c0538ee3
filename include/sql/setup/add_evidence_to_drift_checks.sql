-- For schemas that were set up before a check kept its window as counts.
ALTER TABLE DRIFT_CHECKS ADD COLUMN IF NOT EXISTS EVIDENCE VARIANT
