-- The pipeline file names nobody whom it could mail, or no schedule.
DROP ALERT IF EXISTS DRIFT_CHECK_MISSING
