-- A new short-lived URL for one file of a stage.
-- Bound: relative_path, seconds; identifiers: stage
SELECT GET_PRESIGNED_URL(@{stage}, %(relative_path)s, %(seconds)s) AS URL
