-- What changes in a stage's directory table, so that a sync need not compare all of it with the catalog. It is made
-- anew, as the stage may be another one by now; who may read it may go on.
-- Identifiers: stream, stage
CREATE OR REPLACE STREAM {stream} COPY GRANTS ON STAGE {stage}
