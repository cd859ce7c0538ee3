-- What a version took the held-out images of each class for; null in rows of older releases.
-- Bound: version
SELECT TO_JSON(HELD_OUT:confusion) AS CONFUSION
FROM BASELINES
WHERE VERSION = %(version)s
