-- Bring the stage's directory table up to date with its files.
-- Identifiers: stage
ALTER STAGE {stage} REFRESH
