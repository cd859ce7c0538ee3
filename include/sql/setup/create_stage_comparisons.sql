-- A row is a stage: when all of it was last compared with IMAGES, and how many changes its stream showed then. READ_AS
-- is how it was read (its place, the pattern of its labels, its stream): as long as that stays so, the stream tells
-- what has changed.
CREATE TABLE IF NOT EXISTS STAGE_COMPARISONS (
    STAGE VARCHAR NOT NULL PRIMARY KEY,
    READ_AS VARCHAR NOT NULL,
    COMPARED_AT TIMESTAMP_NTZ NOT NULL,
    N_CHANGES NUMBER NOT NULL
)
