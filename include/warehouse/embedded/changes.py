"""INSERT, UPDATE, DELETE, MERGE and COPY: what each runs on DuckDB, and the counts that Snowflake answers with."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pyarrow as pa
from fakesnow import statement_type
from sqlglot import Expr, exp

from include.warehouse.embedded import copying, files
from include.warehouse.embedded.answers import Answer, answer_of
from include.warehouse.embedded.copying import CopyPlan, LoadHistory
from include.warehouse.embedded.databases import quoted
from include.warehouse.embedded.errors import compilation_error
from include.warehouse.embedded.files import FileState
from include.warehouse.embedded.locks import LOCKING_KINDS
from include.warehouse.embedded.merge import merge_counts, merge_sql
from include.warehouse.embedded.sessions import Session
from include.warehouse.embedded.stages import Stage, Stages
from include.warehouse.embedded.streams import Streams
from include.warehouse.embedded.transfer import Transfers
from include.warehouse.embedded.translation import folded

_COUNTS: Final = {
    exp.Insert: ("number of rows inserted",),
    exp.Update: ("number of rows updated", "number of multi-joined rows updated"),
    exp.Delete: ("number of rows deleted",),
}

_ROWS_AT_ONCE: Final = 500
_TEMPORARY_HISTORY: Final = "temp.main._fs_load_history"
_CREATE_TEMPORARY_HISTORY: Final = f"""
CREATE TEMPORARY TABLE IF NOT EXISTS {_TEMPORARY_HISTORY} (
    schema_name VARCHAR, table_name VARCHAR, file_name VARCHAR, last_load_time TIMESTAMPTZ, status VARCHAR,
    row_count INTEGER
)
"""


class Change(NamedTuple):
    """A change that is ready to run, once or again."""

    table: str
    """The full name of the table that it changes."""
    run: Callable[[], Answer]
    locks_table: bool
    """Whether others have to wait that want to change rows of the table."""
    is_atomic: bool
    """Whether it is one statement of DuckDB, which leaves nothing behind when it fails."""


class Changes:
    """Prepares changes."""

    def __init__(self, stages: Stages, streams: Streams) -> None:
        self._stages = stages
        self._streams = streams

    def prepare(
        self,
        session: Session,
        statement: Expr,
        parameters: list[Any] | None,
        batch: list[list[Any]] | None,
    ) -> Change:
        """Translate a change. It consumes the streams that it reads.

        Raises:
            SnowflakeError: It names what is not there, or is wrong.
        """
        reads = self._streams.put_into(statement, session)
        change = self._prepare(session, statement, parameters, batch)
        if not reads:
            return change

        def run() -> Answer:
            answer = change.run()
            for read in reads:
                self._streams.consume(session, read)
            return answer

        return change._replace(run=run, is_atomic=False)

    def _prepare(
        self,
        session: Session,
        statement: Expr,
        parameters: list[Any] | None,
        batch: list[list[Any]] | None,
    ) -> Change:
        type_id = statement_type.statement_type_id(statement)
        if isinstance(statement, exp.Copy):
            return self._prepare_copy(session, statement, type_id)
        target = _target(statement)
        table, is_shared = full_name(session, target), not session.context.is_temporary(target)
        parts = session.translator.translate(statement, batch[0] if batch else parameters)
        if isinstance(statement, exp.Merge):
            run = _merge(session, parts[0], parameters, type_id)
            return Change(table, run, locks_table=is_shared, is_atomic=True)
        locks_table = is_shared and any(part.key in LOCKING_KINDS for part in parts)
        names = next(names for kind, names in _COUNTS.items() if isinstance(statement, kind))
        if batch is not None:
            run = _run_batch(session, parts, batch, names, type_id)
            return Change(table, run, locks_table=locks_table, is_atomic=False)
        run = _run_parts(session, parts, parameters, names, type_id)
        return Change(table, run, locks_table=locks_table, is_atomic=len(parts) == 1)

    def _prepare_copy(self, session: Session, statement: exp.Copy, type_id: int) -> Change:
        context = session.context
        plan = copying.plan_copy(statement, session.duck, context.database, context.schema)
        stage = self._stages.get(context.stage_key(plan.location.stage))
        found = copying.choose_files(plan, self._stages.files(stage, plan.location.path))

        def run() -> Answer:
            return self._copy(session, plan, stage, found, type_id)

        return Change(full_name(session, plan.table), run, locks_table=False, is_atomic=False)

    def _copy(
        self, session: Session, plan: CopyPlan, stage: Stage, found: dict[str, FileState], type_id: int
    ) -> Answer:
        history, key = _history_of(session, plan.table)
        loads = LoadHistory(session.duck)
        located = {f"{stage.key}/{path}": state for path, state in found.items()}
        wanted = located if plan.options.force else loads.new_files(history, key, located)
        paths = [path for path in found if f"{stage.key}/{path}" in wanted]
        names = [Transfers.listed_name(stage, path) for path in found]
        if not paths:
            return answer_of(copying.result_of(names, status="LOAD_SKIPPED", rows=0), type_id)
        insert = copying.insert_of(plan, self._stages.folder(stage), paths, session.duck)
        part = session.translator.translate(insert, None)[0]
        rows = session.duck.execute(part.sql(dialect="duckdb")).fetchall()[0][0]
        loads.record(history, key, wanted, rows)
        if plan.options.purge:
            files.remove_files(self._stages.folder(stage), paths)
        loaded = [Transfers.listed_name(stage, path) for path in paths]
        return answer_of(copying.result_of(loaded, status="LOADED", rows=rows), type_id)


def _merge(session: Session, merge: Expr, parameters: list[Any] | None, type_id: int) -> Callable[[], Answer]:
    if not isinstance(merge, exp.Merge):
        raise compilation_error("not a MERGE", errno=1003)
    sql = merge_sql(merge)

    def run() -> Answer:
        actions = session.duck.execute(sql, parameters).to_arrow_table()
        return answer_of(merge_counts(merge, actions), type_id)

    return run


def _run_parts(
    session: Session,
    parts: list[Expr],
    parameters: list[Any] | None,
    names: tuple[str, ...],
    type_id: int,
) -> Callable[[], Answer]:
    statements = [(part.sql(dialect="duckdb"), bool(part.find(exp.Placeholder))) for part in parts]

    def run() -> Answer:
        rows = 0
        for sql, has_placeholders in statements:
            rows = session.duck.execute(sql, parameters if has_placeholders else None).fetchall()[0][0]
        return answer_of(_counts(names, rows), type_id)

    return run


def _run_batch(
    session: Session,
    parts: list[Expr],
    batch: list[list[Any]],
    names: tuple[str, ...],
    type_id: int,
) -> Callable[[], Answer]:
    statement = parts[-1]
    sql = statement.sql(dialect="duckdb")
    values = statement.expression if isinstance(statement, exp.Insert) else None
    # many rows go into one statement, where there is a list of rows to put them into
    at_once = _ROWS_AT_ONCE if isinstance(values, exp.Values) and len(values.expressions) == 1 else 1

    def run() -> Answer:
        rows = 0
        for start in range(0, len(batch), at_once):
            chunk = batch[start : start + at_once]
            text = sql
            if isinstance(values, exp.Values) and len(chunk) > 1:
                row = values.expressions[0].sql(dialect="duckdb")
                text = sql.replace(f"VALUES {row}", "VALUES " + ", ".join([row] * len(chunk)))
            bound = [value for one in chunk for value in one]
            rows += session.duck.execute(text, bound).fetchall()[0][0]
        return answer_of(_counts(names, rows), type_id)

    return run


def _counts(names: tuple[str, ...], rows: int) -> pa.Table:
    return pa.table({name: [rows if position == 0 else 0] for position, name in enumerate(names)})


def _target(statement: Expr) -> exp.Table:
    table = statement if isinstance(statement, exp.Table) else statement.find(exp.Table)
    if isinstance(statement, exp.Insert | exp.Update | exp.Delete | exp.Merge):
        this = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
        table = this if isinstance(this, exp.Table) else table
    if table is None:
        raise compilation_error("The statement names no table.", errno=1003)
    return table


def _parts(session: Session, table: exp.Table) -> tuple[str, str, str]:
    database, schema = table.args.get("catalog"), table.args.get("db")
    return (
        folded(database) if database else session.context.database or "",
        folded(schema) if schema else session.context.schema or "",
        folded(table.this),
    )


def full_name(session: Session, table: exp.Table) -> str:
    """Return a table's full name, as its lock has it."""
    return ".".join(_parts(session, table))


def _history_of(session: Session, table: exp.Table) -> tuple[str, tuple[str, str]]:
    """Return the table with a table's load history, and the table's key in it."""
    database, schema, name = _parts(session, table)
    sql = "SELECT table_oid FROM duckdb_tables() WHERE temporary AND table_name = ?"
    temporary = session.duck.execute(sql, [name]).fetchone()
    if temporary is None:
        return f"{quoted(database)}._fs_information_schema._fs_load_history", (schema, name)
    session.duck.execute(_CREATE_TEMPORARY_HISTORY)
    # a table that is dropped and made again has another number
    return _TEMPORARY_HISTORY, (str(temporary[0]), name)
