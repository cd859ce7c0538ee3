"""One session on a pipeline's schema, running the statements below include/sql.

A statement is named by its path there (`"catalog/merge_images"`), its values are bound by name, its rows come back
typed.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import tenacity
from snowflake.connector import errors

from include.errors import (
    ConcurrentChangeError,
    LockNotAcquiredError,
    WarehouseError,
    WarehouseUnavailableError,
)
from include.warehouse.identifiers import with_identifiers
from include.warehouse.refusals import refusal_of

log = logging.getLogger(__name__)

SQL_FOLDER = Path(__file__).resolve().parent.parent / "sql"
LOCK_PATIENCE_S = 90.0
"""How long a transaction waits for the pipeline's lock, in seconds.

Longer than the embedded warehouse lets a dead client hold it.
"""
MAX_READ_TRIES = 3

_CONFLICT_ERRNOS = frozenset({625})
"""Snowflake's 000625: a statement gave up waiting for a lock, after LOCK_TIMEOUT; on the embedded warehouse at once."""
_SESSION_LOST_ERRNOS = frozenset({250002, 390104, 390111, 390112, 390114})
"""The connection is closed, the session unknown (the warehouse was started again) or expired: a new one will do."""
_SIGNED_URL = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]+")
_BOUND_NAME = re.compile(r"%\(([a-z_0-9]+)\)s")

RowT = TypeVar("RowT", bound=NamedTuple)
ResultT = TypeVar("ResultT")


class _ConflictError(ConcurrentChangeError):
    """Another transaction held or changed the same rows for too long."""


class Cursor(Protocol):
    """The part of the connector's cursor that is used here."""

    @property
    def description(self) -> Any: ...  # noqa: D102
    @property
    def rowcount(self) -> int | None: ...  # noqa: D102
    def execute(self, command: str, params: Mapping[str, Any] | None = ...) -> Any: ...  # noqa: D102
    def fetchall(self) -> list[Any]: ...  # noqa: D102
    def close(self) -> Any: ...  # noqa: D102


class Connection(Protocol):
    """The part of the connector's connection that is used here."""

    def cursor(self) -> Any: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


@lru_cache(maxsize=256)
def read_statement(name: str) -> str:
    """Return the text of a statement below include/sql, without the comment at its head.

    Raises:
        WarehouseError: There is no such file.
    """
    path = SQL_FOLDER / f"{name}.sql"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise WarehouseError(f"there is no statement include/sql/{name}.sql") from error
    return "\n".join(line for line in lines if not line.startswith("--"))


class Warehouse:
    """A session in which the statements of one pipeline run.

    Args:
        connection: An open connection of the Snowflake connector; the session does not close it.
        identifiers: Text for the `{name}` placeholders that every statement of this pipeline may have.
    """

    def __init__(self, connection: Connection, identifiers: Mapping[str, str]) -> None:
        self._connection = connection
        self._identifiers = dict(identifiers)
        self._in_transaction = False

    def run(self, name: str, /, *, identifiers: Mapping[str, str] | None = None, **values: Any) -> int:
        """Run a statement for its effect.

        Args:
            name: Its path below include/sql, without the ending.
            identifiers: Text for placeholders of this statement alone, from `include.warehouse.identifiers`.
            **values: What is bound to its `%(name)s`.

        Returns:
            The number of rows it changed.

        Raises:
            WarehouseError: The warehouse refused it.
            WarehouseUnavailableError: The warehouse could not be reached.
        """
        with self._executed(name, identifiers, values) as cursor:
            return int(cursor.rowcount or 0)

    def fetch(
        self, name: str, row_type: type[RowT], /, *, identifiers: Mapping[str, str] | None = None, **values: Any
    ) -> list[RowT]:
        """Run a query and return its rows, each column in the field of its name.

        A query outside a transaction is tried again, with a pause, when the warehouse cannot be reached.

        Raises:
            WarehouseError: The warehouse refused it, or the columns are not the fields of `row_type`.
            WarehouseUnavailableError: The warehouse could not be reached.
        """
        return self._read_again()(self._fetch_once, name, row_type, identifiers, values)

    def show(self, name: str, row_type: type[RowT], /, *, identifiers: Mapping[str, str] | None = None) -> list[RowT]:
        """Run a SHOW and return its rows, of each the columns that are fields of `row_type`: there may be others.

        It is tried again as `fetch` does.

        Raises:
            WarehouseError: The warehouse refused it, or does not show one of the columns.
            WarehouseUnavailableError: The warehouse could not be reached.
        """
        return self._read_again()(self._show_once, name, row_type, identifiers)

    def fetch_one(
        self, name: str, row_type: type[RowT], /, *, identifiers: Mapping[str, str] | None = None, **values: Any
    ) -> RowT | None:
        """Run a query that has at most one row.

        Raises:
            WarehouseError: As for `fetch`, or there are two rows.
        """
        rows = self.fetch(name, row_type, identifiers=identifiers, **values)
        if len(rows) > 1:
            raise WarehouseError(f"include/sql/{name}.sql: expected at most one row, got {len(rows)}")
        return rows[0] if rows else None

    def alone(self, work: Callable[[], ResultT]) -> ResultT:
        """Run `work` in a transaction that no other `alone` transaction of this pipeline overlaps.

        The transaction updates PIPELINE_LOCK first: Snowflake makes a second one wait, the embedded warehouse refuses
        it and it is tried again here, after a pause. When `work` raises, nothing of it is written.

        Args:
            work: What to do; it may run more than once. It must not run DDL, which would commit.

        Raises:
            LockNotAcquiredError: Others held the lock for longer than `LOCK_PATIENCE_S`.
        """
        try_again = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_ConflictError),
            stop=tenacity.stop_after_delay(LOCK_PATIENCE_S),
            wait=tenacity.wait_random_exponential(multiplier=0.05, max=1.0),
        )
        try:
            result: ResultT = try_again(self._transaction, work)
        except tenacity.RetryError as error:
            raise LockNotAcquiredError(
                f"other runs held the lock of this pipeline for {LOCK_PATIENCE_S:.0f} s; try again, "
                "and look for a run that hangs if it stays so"
            ) from error
        return result

    def _transaction(self, work: Callable[[], ResultT]) -> ResultT:
        self.run("lock/begin")
        self._in_transaction = True
        try:
            self._take_lock()
            result = work()
            self.run("lock/commit")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._in_transaction = False
        return result

    def _take_lock(self) -> None:
        if self.run("lock/take_lock") != 1:
            raise WarehouseError("PIPELINE_LOCK has no row: run ./driftgate setup for this pipeline again")

    def _roll_back(self) -> None:
        """Roll back, without hiding the error that made it necessary."""
        try:
            self.run("lock/roll_back")
        except WarehouseError as error:
            log.warning("could not roll back, the warehouse will: %s", error)

    def _read_again(self) -> tenacity.Retrying:
        """Return what tries a read again when the warehouse cannot be reached; in a transaction it would be another."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(WarehouseUnavailableError),
            stop=tenacity.stop_after_attempt(1 if self._in_transaction else MAX_READ_TRIES),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=5),
            before_sleep=tenacity.before_sleep_log(log, logging.WARNING),
            reraise=True,
        )

    def _show_once(self, name: str, row_type: type[RowT], identifiers: Mapping[str, str] | None) -> list[RowT]:
        with self._executed(name, identifiers, {}) as cursor:
            columns = [column.name.lower() for column in cursor.description]
            if missing := set(row_type._fields) - set(columns):
                raise WarehouseError(f"include/sql/{name}.sql does not show {', '.join(sorted(missing))}")
            places = [columns.index(field) for field in row_type._fields]
            return [row_type(*(row[place] for place in places)) for row in cursor.fetchall()]

    def _fetch_once(
        self, name: str, row_type: type[RowT], identifiers: Mapping[str, str] | None, values: Mapping[str, Any]
    ) -> list[RowT]:
        with self._executed(name, identifiers, values) as cursor:
            columns = tuple(column.name.lower() for column in cursor.description)
            if columns != row_type._fields:
                raise WarehouseError(
                    f"include/sql/{name}.sql has the columns {', '.join(columns)}, "
                    f"{row_type.__name__} the fields {', '.join(row_type._fields)}"
                )
            return [row_type(*row) for row in cursor.fetchall()]

    @contextmanager
    def _executed(
        self, name: str, identifiers: Mapping[str, str] | None, values: Mapping[str, Any]
    ) -> Iterator[Cursor]:
        statement = with_identifiers(read_statement(name), {**self._identifiers, **(identifiers or {})})
        missing = set(_BOUND_NAME.findall(statement)) - values.keys()
        if missing:
            raise WarehouseError(f"include/sql/{name}.sql needs a value for {', '.join(sorted(missing))}")
        try:
            with closing(self._connection.cursor()) as cursor:
                cursor.execute(statement, dict(values))
                yield cursor
        except (errors.Error, OSError) as error:
            # as a cause it would be shown, with the signed URL of a file that could not be moved
            cause = None if _SIGNED_URL.search(str(error)) else error
            raise translated(f"include/sql/{name}.sql", error) from cause


def translated(doing: str, error: errors.Error | OSError) -> WarehouseError:
    """Turn an error of the connector into one of ours, without what is secret in a URL.

    Args:
        doing: What was tried, for the message.
        error: What the connector raised.
    """
    errno = getattr(error, "errno", None)
    message = _SIGNED_URL.sub(r"\1", f"{doing}: {getattr(error, 'msg', None) or error}")
    if errno in _CONFLICT_ERRNOS:
        return _ConflictError(message)
    refusal = refusal_of(errno, message)
    if refusal is not None:
        return refusal
    lost = isinstance(error, OSError | errors.OperationalError | errors.InterfaceError) or errno in _SESSION_LOST_ERRNOS
    return WarehouseUnavailableError(message) if lost else WarehouseError(message)
