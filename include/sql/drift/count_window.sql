-- The answers of a window by predicted class and bin of confidence (empty bins have no row). A confidence on the last
-- edge is in the last bin.
-- Bound: version, first_commit_seq, last_commit_seq, edges
WITH EDGES AS (
    SELECT
        EDGE.INDEX AS EDGE_INDEX,
        EDGE.VALUE::FLOAT AS LOW,
        LEAD(EDGE.VALUE::FLOAT) OVER (ORDER BY EDGE.INDEX) AS HIGH,
        COUNT(*) OVER () - 2 AS LAST_BIN
    FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(edges)s))) AS EDGE
)

SELECT
    FIRST_ANSWERS.TYPE AS LABEL,
    LEAST(EDGES.EDGE_INDEX, EDGES.LAST_BIN) AS BIN,
    COUNT(*) AS N_IMAGES
FROM FIRST_ANSWERS
INNER JOIN EDGES
    ON
        FIRST_ANSWERS.CONFIDENCE >= EDGES.LOW
        AND (FIRST_ANSWERS.CONFIDENCE < EDGES.HIGH OR EDGES.HIGH IS NULL)
WHERE
    FIRST_ANSWERS.VERSION = %(version)s
    AND FIRST_ANSWERS.COMMIT_SEQ BETWEEN %(first_commit_seq)s AND %(last_commit_seq)s
GROUP BY FIRST_ANSWERS.TYPE, LEAST(EDGES.EDGE_INDEX, EDGES.LAST_BIN)
