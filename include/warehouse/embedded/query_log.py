"""What ran, when and for whom: the log that INFORMATION_SCHEMA.QUERY_HISTORY answers from.

It keeps no statement's text, as that may hold values. Rows go to the database files in groups, so a server that is
killed loses the last of them.
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Final

import duckdb
import pyarrow as pa

from include.warehouse.embedded.databases import Databases
from include.warehouse.embedded.errors import SnowflakeError, translate
from include.warehouse.embedded.query_history import COLUMNS, QUERY_HISTORY, QUERY_LOG_TABLE
from include.warehouse.embedded.sessions import Session

log = logging.getLogger(__name__)

KEPT_DAYS: Final = 7
"""How far back QUERY_HISTORY goes on Snowflake."""
KEPT_ROWS: Final = 200_000

_GROUP: Final = 200
"""So many statements are written at once: to commit each would take longer than many of them do."""
_WAREHOUSE: Final = "EMBEDDED"
_WAREHOUSE_SIZE: Final = "X-Small"
_WORK_OF_A_WAREHOUSE: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY"})
_COMMENT: Final = re.compile(r"\s*(--[^\n]*(\n|$)|/\*.*?\*/)", re.DOTALL)
_FIRST_WORD: Final = re.compile(r"[\s(]*([A-Za-z]+)")

_DELETE_OLD: Final = f"DELETE FROM {QUERY_LOG_TABLE} WHERE END_TIME < now() - INTERVAL {KEPT_DAYS} DAY"  # noqa: S608
_DELETE_SURPLUS: Final = f"""
DELETE FROM {QUERY_LOG_TABLE}
WHERE END_TIME <= (SELECT END_TIME FROM {QUERY_LOG_TABLE} ORDER BY END_TIME DESC LIMIT 1 OFFSET ?)
"""  # noqa: S608


@dataclass
class Entry:
    """A statement; the fields are `COLUMNS`, in their order."""

    query_id: str
    query_type: str
    database_name: str | None
    schema_name: str | None
    session_id: int
    warehouse_name: str | None
    warehouse_size: str | None
    query_tag: str
    start_time: datetime
    end_time: datetime
    execution_status: str = "SUCCESS"
    error_code: str | None = None
    total_elapsed_time: int = 0
    execution_time: int = 0
    rows_produced: int | None = None

    def end(self, failure: SnowflakeError | None) -> None:
        """Note that the statement has ended. It has waited for no warehouse, so all of its time is execution."""
        self.end_time = datetime.now(UTC)
        elapsed_s = (self.end_time - self.start_time).total_seconds()
        self.total_elapsed_time = self.execution_time = round(elapsed_s * 1000)
        if failure is not None:
            self.execution_status, self.error_code = "FAILED_WITH_ERROR", failure.code


class QueryLog:
    """The log of a server."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._lock = threading.Lock()
        self._unwritten: list[Entry] = []
        with databases.connection() as duck:
            duck.register("nothing", COLUMNS.empty_table())
            duck.execute(f"CREATE TABLE IF NOT EXISTS {QUERY_LOG_TABLE} AS FROM nothing")

    @contextmanager
    def recorded(self, query_id: str, session: Session, sql: str) -> Iterator[Entry]:
        """Record a statement while it runs, and how it ends."""
        if QUERY_HISTORY in sql.upper():
            self.write()
        entry = _begun(query_id, session, sql)
        failure: SnowflakeError | None = None
        try:
            yield entry
        except Exception as error:
            failure = translate(error)
            raise
        finally:
            entry.end(failure)
            self._add(entry)

    def write(self) -> None:
        """Write what has ended by now, and let go of what is too old."""
        with self._lock, self._databases.connection() as duck:
            if self._unwritten:
                columns = zip(*map(astuple, self._unwritten), strict=True)
                arrays = [pa.array(column, field.type) for column, field in zip(columns, COLUMNS, strict=True)]
                duck.register("ended", pa.Table.from_arrays(arrays, schema=COLUMNS))
                duck.execute(f"INSERT INTO {QUERY_LOG_TABLE} FROM ended")
                self._unwritten.clear()
            _shorten(duck)

    def _add(self, entry: Entry) -> None:
        with self._lock:
            self._unwritten.append(entry)
            is_full = len(self._unwritten) >= _GROUP
        if is_full:
            try:
                self.write()
            except duckdb.Error as error:
                # the statement that was the last of its group has succeeded or failed, whatever becomes of the log
                log.warning("the query log could not be written: %s", error)


def query_type(sql: str) -> str:
    """Return what kind of statement it is: its first word, and of a query SELECT."""
    start = 0
    while comment := _COMMENT.match(sql, start):
        start = comment.end()
    word = _FIRST_WORD.match(sql, start)
    kind = word.group(1).upper() if word else "UNKNOWN"
    return "SELECT" if kind == "WITH" else kind


def _begun(query_id: str, session: Session, sql: str) -> Entry:
    kind = query_type(sql)
    works = kind in _WORK_OF_A_WAREHOUSE
    now = datetime.now(UTC)
    return Entry(
        query_id=query_id,
        query_type=kind,
        database_name=session.context.database,
        schema_name=session.context.schema,
        session_id=session.id,
        warehouse_name=(session.compute or _WAREHOUSE) if works else None,
        warehouse_size=_WAREHOUSE_SIZE if works else None,
        query_tag=session.query_tag,
        start_time=now,
        end_time=now,
    )


def _shorten(duck: duckdb.DuckDBPyConnection) -> None:
    duck.execute(_DELETE_OLD)
    count = duck.execute(f"SELECT COUNT(*) FROM {QUERY_LOG_TABLE}").fetchone()  # noqa: S608
    if count and count[0] > KEPT_ROWS:
        duck.execute(_DELETE_SURPLUS, [KEPT_ROWS])
