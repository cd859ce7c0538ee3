"""The directory tables of stages as of the last REFRESH, and what each REFRESH has changed, which streams read.

Each REFRESH that changes something is a version of its stage's directory table. A change is remembered as what a file
was before it and after it, so that what a stream shows is the first state that it has not consumed beside the last one.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

import duckdb
import pyarrow as pa

from include.warehouse.embedded.databases import GLOBAL, Databases
from include.warehouse.embedded.files import FileState

DIRECTORY_TABLE: Final = f"{GLOBAL}.main.directory_files"
CHANGES_FUNCTION: Final = "stage_changes"
"""DuckDB's table function (stage, after version, up to version): one row for each state that a file had or has."""

_CREATE_DIRECTORY_TABLE: Final = f"""
CREATE TABLE IF NOT EXISTS {DIRECTORY_TABLE} (
    stage VARCHAR NOT NULL,
    relative_path VARCHAR NOT NULL,
    size BIGINT NOT NULL,
    modified_ns BIGINT NOT NULL,
    md5 VARCHAR NOT NULL
)
"""

_CHANGES_TABLE: Final = f"{GLOBAL}.main.directory_changes"
_STATE: Final = "STRUCT(size BIGINT, modified_ns BIGINT, md5 VARCHAR)"

_CREATE_CHANGES_TABLE: Final = f"""
CREATE TABLE IF NOT EXISTS {_CHANGES_TABLE} (
    stage VARCHAR NOT NULL,
    version BIGINT NOT NULL,
    relative_path VARCHAR NOT NULL,
    before {_STATE},
    after {_STATE}
)
"""

_CREATE_CHANGES_FUNCTION: Final = f"""
CREATE OR REPLACE MACRO {GLOBAL}.main.{CHANGES_FUNCTION}(of_stage, after_version, up_to_version) AS TABLE (
    WITH net AS (
        SELECT
            relative_path,
            first(before ORDER BY version) AS was,
            last(after ORDER BY version) AS becomes
        FROM {_CHANGES_TABLE}
        WHERE stage = of_stage AND version > after_version AND version <= up_to_version
        GROUP BY relative_path
    ),

    shown AS (
        SELECT relative_path, was AS state, 'DELETE' AS action, becomes IS NOT NULL AS is_update
        FROM net
        WHERE was IS NOT NULL AND was IS DISTINCT FROM becomes
        UNION ALL
        SELECT relative_path, becomes AS state, 'INSERT' AS action, was IS NOT NULL AS is_update
        FROM net
        WHERE becomes IS NOT NULL AND was IS DISTINCT FROM becomes
    )

    SELECT
        of_stage AS stage,
        relative_path,
        state.size AS size,
        state.modified_ns AS modified_ns,
        state.md5 AS md5,
        action,
        is_update,
        md5(of_stage || '/' || relative_path) AS row_id
    FROM shown
)
"""  # noqa: S608

_REMEMBER: Final = f"""
INSERT INTO {_CHANGES_TABLE}
SELECT
    $stage,
    $version,
    relative_path,
    CASE WHEN listed.md5 IS NOT NULL
        THEN struct_pack(size := listed.size, modified_ns := listed.modified_ns, md5 := listed.md5) END,
    CASE WHEN found.md5 IS NOT NULL
        THEN struct_pack(size := found.size, modified_ns := found.modified_ns, md5 := found.md5) END
FROM old_files
LEFT JOIN (SELECT * FROM {DIRECTORY_TABLE} WHERE stage = $stage) AS listed USING (relative_path)
LEFT JOIN new_files AS found USING (relative_path)
"""  # noqa: S608

_REMOVE_OLD: Final = f"""
DELETE FROM {DIRECTORY_TABLE} WHERE stage = ? AND relative_path IN (SELECT relative_path FROM old_files)
"""  # noqa: S608

_ADD_NEW: Final = f"""
INSERT INTO {DIRECTORY_TABLE} SELECT ?, relative_path, size, modified_ns, md5 FROM new_files
"""  # noqa: S608


class KnownFile(NamedTuple):
    """A file, as the directory table has it."""

    state: FileState
    md5: str


class Readers(Protocol):
    """Who reads what changes."""

    def oldest_offset(self, stage: str) -> int | None:
        """Return the version up to which all readers of a stage have read; None: it has no readers."""

    def lose(self, stage: str) -> None:
        """Take notice that a stage is no longer the one that was read."""


class DirectoryTables:
    """Keeps them, by the full names of their stages."""

    def __init__(self, databases: Databases) -> None:
        self._readers: Readers | None = None
        with databases.connection() as duck:
            for statement in (_CREATE_DIRECTORY_TABLE, _CREATE_CHANGES_TABLE, _CREATE_CHANGES_FUNCTION):
                duck.execute(statement)
            rows = duck.execute(f"SELECT stage, max(version) FROM {_CHANGES_TABLE} GROUP BY stage").fetchall()  # noqa: S608
        self._versions: dict[str, int] = dict(rows)

    def read_by(self, readers: Readers) -> None:
        """Remember changes from now on, as long as these readers have not read them."""
        self._readers = readers

    def versions(self) -> Mapping[str, int]:
        """Return the committed version of each directory table; one that is missing is at 0."""
        return dict(self._versions)

    def continue_after(self, stage: str, version: int) -> None:
        """Let a stage's versions go on from what a reader has consumed, of which no change is remembered any more."""
        self._versions[stage] = max(version, self._versions.get(stage, 0))

    def known(self, duck: duckdb.DuckDBPyConnection, stage: str, prefix: str) -> dict[str, KnownFile]:
        """Return the files whose path starts with the prefix."""
        rows = duck.execute(
            f"SELECT relative_path, size, modified_ns, md5 FROM {DIRECTORY_TABLE} "  # noqa: S608
            "WHERE stage = ? AND starts_with(relative_path, ?)",
            [stage, prefix],
        ).fetchall()
        return {path: KnownFile(FileState(size, modified_ns), md5) for path, size, modified_ns, md5 in rows}

    def replace(
        self, duck: duckdb.DuckDBPyConnection, stage: str, old: list[str], new: Mapping[str, KnownFile]
    ) -> None:
        """Replace rows, all of them in a few statements of one transaction; one at a time for each stage.

        Args:
            duck: A connection without a transaction.
            stage: The stage's full name.
            old: The paths whose rows go.
            new: The files whose rows come, which are new or among the old ones.
        """
        duck.register("old_files", pa.table({"relative_path": pa.array(old, pa.string())}))
        duck.register(
            "new_files",
            pa.table(
                {
                    "relative_path": pa.array(list(new), pa.string()),
                    "size": pa.array([file.state.size for file in new.values()], pa.int64()),
                    "modified_ns": pa.array([file.state.modified_ns for file in new.values()], pa.int64()),
                    "md5": pa.array([file.md5 for file in new.values()], pa.string()),
                }
            ),
        )
        version = self._versions.get(stage, 0) + 1
        duck.execute("BEGIN")
        self._remember(duck, stage, version)
        duck.execute(_REMOVE_OLD, [stage])
        duck.execute(_ADD_NEW, [stage])
        duck.execute("COMMIT")
        # only now: a transaction that saw the number before would take the changes for consumed
        self._versions[stage] = version

    def delete(self, duck: duckdb.DuckDBPyConnection, stage: str) -> None:
        """Empty a stage's directory table, without its readers' notice."""
        duck.execute(f"DELETE FROM {DIRECTORY_TABLE} WHERE stage = ?", [stage])  # noqa: S608

    def drop(self, duck: duckdb.DuckDBPyConnection, stage: str) -> None:
        """Drop a stage's directory table: its readers have lost it, even if another stage gets its name."""
        self.delete(duck, stage)
        duck.execute(f"DELETE FROM {_CHANGES_TABLE} WHERE stage = ?", [stage])  # noqa: S608
        if self._readers:
            self._readers.lose(stage)

    def _remember(self, duck: duckdb.DuckDBPyConnection, stage: str, version: int) -> None:
        """Write down what is about to change if anybody will read it, and forget what everybody has read."""
        oldest = self._readers.oldest_offset(stage) if self._readers else None
        duck.execute(
            f"DELETE FROM {_CHANGES_TABLE} WHERE stage = ? AND version <= ?",  # noqa: S608
            [stage, version if oldest is None else oldest],
        )
        if oldest is not None:
            duck.execute(_REMEMBER, {"stage": stage, "version": version})
