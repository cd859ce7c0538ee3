-- For schemas that were set up before answers named the request that they answer.
ALTER TABLE MODEL_EVENTS ADD COLUMN IF NOT EXISTS REQUEST_ID VARCHAR
