-- How many answers there are, of all versions.
SELECT COUNT(*) AS N FROM PREDICTIONS
