-- What the network saw in images of a window: a sample, as good as random and always the same.
-- Fibonacci hashing (Knuth, The Art of Computer Programming, section 6.4) spreads any range of COMMIT_SEQ evenly over
-- 0…2^24: a little more than n_sample of the answers lie below a threshold, and only these are read and sorted.
-- Bound: version, first_commit_seq, last_commit_seq, n_images (of the window), n_sample (at most)
SELECT TO_JSON(FEATURES) AS FEATURES
FROM FIRST_ANSWERS
WHERE
    VERSION = %(version)s
    AND COMMIT_SEQ BETWEEN %(first_commit_seq)s AND %(last_commit_seq)s
    AND FEATURES IS NOT NULL
    AND MOD(COMMIT_SEQ * 10368889, 16777216) < 1.1 * 16777216 * %(n_sample)s / %(n_images)s
ORDER BY MOD(COMMIT_SEQ * 10368889, 16777216), COMMIT_SEQ
LIMIT %(n_sample)s
