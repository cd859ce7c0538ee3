-- Bring the part of the stage's directory table up to date that lies below a folder; nothing else is listed.
-- Bound: prefix; identifiers: stage
ALTER STAGE {stage} REFRESH SUBPATH = %(prefix)s
