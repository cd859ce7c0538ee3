-- For schemas that were set up before answers held what the network saw.
ALTER TABLE PREDICTIONS ADD COLUMN IF NOT EXISTS FEATURES VARIANT
