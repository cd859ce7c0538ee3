-- What a rollback changed for those who read the answers: a row is how many live, readable images had an answer of one
-- class until then, and have another, the same, or none since. EVENT_SEQ is the ROLLED_BACK event; VERSION the one
-- whose answer counted until then. TYPE_AFTER null: only recalled versions had answered, the image waits for another
-- answer. VERSION and TYPE_BEFORE null: it waited, and a recalled version that was named has brought its answer back.
CREATE TABLE IF NOT EXISTS RECALLS (
    EVENT_SEQ NUMBER NOT NULL,
    VERSION NUMBER,
    TYPE_BEFORE VARCHAR,
    TYPE_AFTER VARCHAR,
    N_IMAGES NUMBER NOT NULL
)
