"""Streams on stages: each shows what a REFRESH has changed since a DML transaction that read it was last committed.

A stream lies in the database of its schema, so that its offset moves in the transaction that consumes it: DuckDB writes
to one database in a transaction. What it shows lies with the directory tables.
"""

import datetime
import threading
from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlglot import Expr, exp

from include.warehouse.embedded.databases import Databases, quoted
from include.warehouse.embedded.errors import LOCK_CONFLICT, SnowflakeError, existing_object, missing_object
from include.warehouse.embedded.sessions import Session, StreamRead
from include.warehouse.embedded.stages import StageKey, Stages
from include.warehouse.embedded.translation import changes_query, folded

_TABLE: Final = "_fs_information_schema.stage_streams"
_CREATE_TABLE: Final = """
CREATE TABLE IF NOT EXISTS {table} (
    schema_name VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    stage_database VARCHAR NOT NULL,
    stage_schema VARCHAR NOT NULL,
    stage_name VARCHAR NOT NULL,
    comment VARCHAR NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    consumed_version BIGINT
)
"""
"""consumed_version is null when the stage that the stream was made for is gone: it is stale."""


class Stream(NamedTuple):
    """A stream; where it stands is in its table alone."""

    key: StageKey
    """Its full name."""
    stage: StageKey
    created_on: datetime.datetime
    comment: str = ""


class Streams:
    """Keeps the streams, and puts what they show into statements."""

    def __init__(self, databases: Databases, stages: Stages) -> None:
        self._databases = databases
        self._stages = stages
        self._lock = threading.RLock()
        self._streams: dict[StageKey, Stream] = {}
        for database in databases.names():
            self._load(database)
        stages.directories.read_by(self)

    def find(self, key: StageKey) -> Stream | None:
        """Return a stream, or None."""
        return self._streams.get(key)

    def all(self) -> list[tuple[Stream, int | None]]:
        """Return all streams, sorted by name, with the version that each has consumed; None: it is stale."""
        return [(self._streams[key], self._consumed(key)) for key in sorted(self._streams)]

    def versions(self) -> Mapping[str, int]:
        """Return how far streams could be read now, by the full names of the stages."""
        return self._stages.directories.versions()

    def create(self, stream: Stream, *, replace: bool = False, if_not_exists: bool = False) -> bool:
        """Make a stream that shows what changes from now on, and say whether it is new.

        Raises:
            SnowflakeError: It is there already (002002), or its schema, its stage or the stage's directory table is
                not (002003).
        """
        with self._stages.refreshing(stream.stage), self._databases.ddl_lock, self._lock:
            if stream.key in self._streams and not replace:
                if if_not_exists:
                    return False
                raise existing_object(stream.key.name)
            stage = self._stages.get(stream.stage)
            if not stage.directory_enabled:
                raise missing_object("Directory table of stage", str(stage.key))
            if not self._databases.schema_exists(stream.key.database, stream.key.schema):
                raise missing_object("Schema", f"{stream.key.database}.{stream.key.schema}")
            self.drop(stream.key, if_exists=True)
            version = self.versions().get(str(stream.stage), 0)
            table = _table(stream.key.database)
            with self._databases.connection() as duck:
                duck.execute(_CREATE_TABLE.format(table=table))
                duck.execute(
                    f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                    [*stream.key[1:], *stream.stage, stream.comment, stream.created_on, version],
                )
            self._streams[stream.key] = stream
            return True

    def drop(self, key: StageKey, *, if_exists: bool = False) -> None:
        """Drop a stream.

        Raises:
            SnowflakeError: There is none (002003).
        """
        with self._lock:
            if key not in self._streams:
                if if_exists:
                    return
                raise missing_object("Stream", str(key))
            with self._databases.connection() as duck:
                sql = f"DELETE FROM {_table(key.database)} WHERE schema_name = ? AND name = ?"  # noqa: S608
                duck.execute(sql, list(key[1:]))
            del self._streams[key]

    def drop_all(self, database: str, schema: str | None = None) -> None:
        """Drop the streams of one schema, or forget those of a database that is gone."""
        with self._lock:
            for key in [key for key in self._streams if key.database == database and schema in {None, key.schema}]:
                if schema is None:
                    del self._streams[key]
                else:
                    self.drop(key)

    def put_into(self, statement: Expr, session: Session) -> list[StreamRead]:
        """Put what the streams show where a statement names them, and return how far it reads which ones.

        In a transaction each shows the same as when it was first read, and nothing newer than the transaction is.

        Raises:
            SnowflakeError: A stream is stale.
        """
        reads: dict[StageKey, StreamRead] = {}
        for table in list(statement.find_all(exp.Table)):
            stream = self._named(table, session)
            if stream is None:
                continue
            read = reads[stream.key] = reads.get(stream.key) or self._read(stream, session)
            alias = table.args.get("alias") or exp.TableAlias(this=table.this.copy())
            table.replace(changes_query(stream.stage, alias, after=read.after, up_to=read.up_to))
        return list(reads.values())

    def consume(self, session: Session, read: StreamRead) -> None:
        """Move a stream's offset, in the transaction of the statement that has read it.

        Raises:
            SnowflakeError: Another transaction has consumed it meanwhile (000625).
        """
        consumed = session.transaction.consumed if session.transaction else set()
        if read.after == read.up_to or read.stream in consumed:
            return
        sql = (
            f"UPDATE {_table(read.stream.database)} SET consumed_version = ? "  # noqa: S608
            "WHERE schema_name = ? AND name = ? AND consumed_version = ?"
        )
        values = [read.up_to, *read.stream[1:], read.after]
        if session.duck.execute(sql, values).fetchall() != [(1,)]:
            text = f"Your statement was aborted: another transaction has consumed stream {read.stream} meanwhile."
            raise SnowflakeError(text, errno=LOCK_CONFLICT, sqlstate="57014")
        consumed.add(read.stream)

    def oldest_offset(self, stage: str) -> int | None:
        """Return the version up to which all streams on a stage have read; None: there is none that reads."""
        offsets = [self._consumed(key) for key, stream in list(self._streams.items()) if str(stream.stage) == stage]
        return min((offset for offset in offsets if offset is not None), default=None)

    def lose(self, stage: str) -> None:
        """Make the streams on a stage stale: it is gone."""
        with self._lock, self._databases.connection() as duck:
            for key, stream in self._streams.items():
                if str(stream.stage) == stage and self._databases.exists(key.database):
                    sql = (
                        f"UPDATE {_table(key.database)} SET consumed_version = NULL WHERE schema_name = ? AND name = ?"  # noqa: S608
                    )
                    duck.execute(sql, list(key[1:]))

    def _named(self, table: exp.Table, session: Session) -> Stream | None:
        if not isinstance(table.this, exp.Identifier):
            return None
        database, schema = table.args.get("catalog"), table.args.get("db")
        context = session.context
        return self._streams.get(
            StageKey(
                folded(database) if database else context.database or "",
                folded(schema) if schema else context.schema or "",
                folded(table.this),
            )
        )

    def _read(self, stream: Stream, session: Session) -> StreamRead:
        transaction = session.transaction
        if transaction and stream.key in transaction.stream_reads:
            return transaction.stream_reads[stream.key]
        after = self._consumed(stream.key)
        if after is None:
            text = f"Stream '{stream.key}' is stale: its stage {stream.stage} was dropped or replaced. Make it anew."
            raise SnowflakeError(text, errno=91901, sqlstate="55000")
        versions = transaction.versions if transaction else self.versions()
        read = StreamRead(stream.key, after, max(after, versions.get(str(stream.stage), 0)))
        if transaction:
            transaction.stream_reads[stream.key] = read
        return read

    def _consumed(self, key: StageKey) -> int | None:
        with self._databases.connection() as duck:
            sql = f"SELECT consumed_version FROM {_table(key.database)} WHERE schema_name = ? AND name = ?"  # noqa: S608
            row = duck.execute(sql, list(key[1:])).fetchone()
        return None if row is None else row[0]

    def _load(self, database: str) -> None:
        """Read the streams of a database that was there before this server."""
        with self._databases.connection() as duck:
            duck.execute(_CREATE_TABLE.format(table=_table(database)))
            rows = duck.execute(
                "SELECT schema_name, name, stage_database, stage_schema, stage_name, created_on, comment, "  # noqa: S608
                f"consumed_version FROM {_table(database)}"
            ).fetchall()
        for schema, name, stage_database, stage_schema, stage_name, created_on, comment, version in rows:
            key, stage = StageKey(database, schema, name), StageKey(stage_database, stage_schema, stage_name)
            self._streams[key] = Stream(key, stage, created_on, comment)
            self._stages.directories.continue_after(str(stage), version or 0)


def _table(database: str) -> str:
    return f"{quoted(database)}.{_TABLE}"
