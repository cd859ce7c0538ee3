-- The answers of a window by predicted class and bin of confidence (empty bins have no row). A confidence on the last
-- edge is in the last bin. BIN is null for confidences that are not numbers or not in 0…1.
-- An answer finds its bin by way of its cell: there are 512 of them, of equal width, so that it is compared with the
-- few bins that its cell meets, and not with all.
-- Bound: version, first_commit_seq, last_commit_seq, edges
WITH EDGES AS (
    SELECT
        EDGE.INDEX AS EDGE_INDEX,
        EDGE.VALUE::FLOAT AS LOW,
        LEAD(EDGE.VALUE::FLOAT) OVER (ORDER BY EDGE.INDEX) AS HIGH,
        COUNT(*) OVER () - 2 AS LAST_BIN
    FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(edges)s))) AS EDGE
),

BINS AS (
    SELECT
        LEAST(EDGE_INDEX, LAST_BIN) AS BIN,
        LOW,
        COALESCE(HIGH, 'inf'::FLOAT) AS HIGH,
        FLOOR(LOW * 512) AS FIRST_CELL,
        FLOOR(COALESCE(HIGH, LOW) * 512) AS LAST_CELL
    FROM EDGES
),

NUMBERS AS (
    SELECT ROW_NUMBER() OVER (ORDER BY NULL) - 1 AS N
    FROM TABLE(GENERATOR(ROWCOUNT => 513))
),

CELLS AS (
    SELECT
        BINS.BIN,
        BINS.LOW,
        BINS.HIGH,
        NUMBERS.N::FLOAT AS CELL
    FROM BINS
    INNER JOIN NUMBERS ON NUMBERS.N BETWEEN BINS.FIRST_CELL AND BINS.LAST_CELL
)

SELECT
    FIRST_ANSWERS.TYPE AS LABEL,
    CELLS.BIN,
    COUNT(*) AS N_IMAGES
FROM FIRST_ANSWERS
LEFT JOIN CELLS
    ON
        FLOOR(FIRST_ANSWERS.CONFIDENCE * 512) = CELLS.CELL
        AND FIRST_ANSWERS.CONFIDENCE >= CELLS.LOW
        AND FIRST_ANSWERS.CONFIDENCE < CELLS.HIGH
        AND FIRST_ANSWERS.CONFIDENCE <= 1
WHERE
    FIRST_ANSWERS.VERSION = %(version)s
    AND FIRST_ANSWERS.COMMIT_SEQ BETWEEN %(first_commit_seq)s AND %(last_commit_seq)s
GROUP BY FIRST_ANSWERS.TYPE, CELLS.BIN
