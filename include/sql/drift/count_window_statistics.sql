-- The images of a window in each bin of each statistic (empty bins have no row), as count_held_out_statistics counts
-- those of a baseline. What lies above the last edge, or on it, is in the last bin; what was not measured is in none.
-- An image finds its bin by way of its cell: there are some 1,100 of them, on a logarithmic scale, so that it is
-- compared with the few bins that its cell meets, and not with all. A bin takes one cell more on either side, whatever
-- a logarithm is rounded to.
-- Bound: version, first_commit_seq, last_commit_seq, statistic_edges (of each statistic the edges of its bins, from 0)
WITH EDGES AS (
    SELECT
        STATISTICS.KEY AS STATISTIC,
        EDGE.INDEX AS EDGE_INDEX,
        EDGE.VALUE::FLOAT AS LOW,
        LEAD(EDGE.VALUE::FLOAT) OVER (PARTITION BY STATISTICS.KEY ORDER BY EDGE.INDEX) AS HIGH,
        COUNT(*) OVER (PARTITION BY STATISTICS.KEY) - 2 AS LAST_BIN
    FROM
        TABLE(FLATTEN(INPUT => PARSE_JSON(%(statistic_edges)s))) AS STATISTICS,
        LATERAL FLATTEN(INPUT => STATISTICS.VALUE) AS EDGE
),

BINS AS (
    SELECT
        STATISTIC,
        LEAST(EDGE_INDEX, LAST_BIN) AS BIN,
        LOW,
        COALESCE(HIGH, 'inf'::FLOAT) AS HIGH,
        FLOOR(LN(LEAST(LOW, 40000) + 0.001) * 64) - 1 AS FIRST_CELL,
        FLOOR(LN(LEAST(COALESCE(HIGH, 40000), 40000) + 0.001) * 64) + 1 AS LAST_CELL
    FROM EDGES
),

NUMBERS AS (
    SELECT ROW_NUMBER() OVER (ORDER BY NULL) - 450 AS N
    FROM TABLE(GENERATOR(ROWCOUNT => 1140))
),

CELLS AS (
    SELECT
        BINS.STATISTIC,
        BINS.BIN,
        BINS.LOW,
        BINS.HIGH,
        NUMBERS.N::FLOAT AS CELL
    FROM BINS
    INNER JOIN NUMBERS ON NUMBERS.N BETWEEN BINS.FIRST_CELL AND BINS.LAST_CELL
),

ANSWERS AS (
    SELECT
        SHORT_SIDE,
        LONG_SIDE,
        BRIGHTNESS,
        CONTRAST,
        SHARPNESS
    FROM FIRST_ANSWERS
    WHERE VERSION = %(version)s AND COMMIT_SEQ BETWEEN %(first_commit_seq)s AND %(last_commit_seq)s
),

MEASURED AS (
    SELECT
        'short_side' AS STATISTIC,
        SHORT_SIDE AS MEASURE
    FROM ANSWERS
    UNION ALL
    SELECT
        'long_side' AS STATISTIC,
        LONG_SIDE AS MEASURE
    FROM ANSWERS
    UNION ALL
    SELECT
        'brightness' AS STATISTIC,
        BRIGHTNESS AS MEASURE
    FROM ANSWERS
    UNION ALL
    SELECT
        'contrast' AS STATISTIC,
        CONTRAST AS MEASURE
    FROM ANSWERS
    UNION ALL
    SELECT
        'sharpness' AS STATISTIC,
        SHARPNESS AS MEASURE
    FROM ANSWERS
)

SELECT
    CELLS.STATISTIC,
    CELLS.BIN,
    COUNT(*) AS N_IMAGES
FROM MEASURED
INNER JOIN CELLS
    ON
        MEASURED.STATISTIC = CELLS.STATISTIC
        AND FLOOR(LN(LEAST(GREATEST(MEASURED.MEASURE, 0), 40000) + 0.001) * 64) = CELLS.CELL
        AND MEASURED.MEASURE >= CELLS.LOW
        AND MEASURED.MEASURE < CELLS.HIGH
GROUP BY CELLS.STATISTIC, CELLS.BIN
