-- How often a policy was back-tested to the end.
SELECT COUNT(*) AS N
FROM RUNS
WHERE KIND = 'backtest' AND OUTCOME IS NOT NULL
