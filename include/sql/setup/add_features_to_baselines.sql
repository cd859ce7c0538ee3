-- For schemas that were set up before baselines held what the network sees.
ALTER TABLE BASELINES ADD COLUMN IF NOT EXISTS FEATURES VARIANT
