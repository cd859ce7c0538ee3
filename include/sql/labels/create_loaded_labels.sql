-- Labels that a person gave before they are committed: for the live version of the file at a path.
CREATE OR REPLACE TEMPORARY TABLE LOADED_LABELS (
    STAGE VARCHAR NOT NULL,
    RELATIVE_PATH VARCHAR NOT NULL,
    LABEL VARCHAR NOT NULL,
    SOURCE VARCHAR NOT NULL
)
