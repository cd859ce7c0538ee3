-- What changes in a stage's directory table, so that a sync need not compare all of it with the catalog.
-- Identifiers: stream, stage
CREATE STREAM IF NOT EXISTS {stream} ON STAGE {stage}
