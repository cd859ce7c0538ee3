-- A stream in place of a stale one, whose stage was dropped or replaced; who could read that one can read this one.
-- Identifiers: stream, stage
CREATE OR REPLACE STREAM {stream} COPY GRANTS ON STAGE {stage}
