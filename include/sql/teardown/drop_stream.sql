-- A stream, which stored nothing.
-- Identifiers: stream
DROP STREAM IF EXISTS {stream}
