-- For schemas that were set up before baselines knew which answers were right.
ALTER TABLE BASELINES ADD COLUMN IF NOT EXISTS HELD_OUT VARIANT
