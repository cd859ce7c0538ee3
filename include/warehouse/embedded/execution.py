"""Running statements: transactions as Snowflake has them, on a DuckDB that has other ones.

- Any DDL commits the open transaction first. With AUTOCOMMIT off the first change begins one.
- A statement reads what is committed when it starts: DuckDB's transaction, which reads one snapshot, begins only with
  the first change.
- A failed statement leaves a transaction as it was, as long as nothing has been changed in it. After that DuckDB ends
  it with most errors: then each later statement fails, and COMMIT too, until ROLLBACK (on Snowflake one could go on).
  Never is a COMMIT answered with success and nothing written.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar

import duckdb
import pyarrow as pa
from fakesnow import statement_type
from fakesnow.transforms import describe_table
from sqlglot import Expr, exp

from include.warehouse.embedded import stage_sql
from include.warehouse.embedded.account_parser import parse_account_statement
from include.warehouse.embedded.account_sql import AccountStatement
from include.warehouse.embedded.account_statements import AccountStatements
from include.warehouse.embedded.answers import Answer, answer_of, fetched, succeeded
from include.warehouse.embedded.changes import Changes
from include.warehouse.embedded.databases import Databases
from include.warehouse.embedded.ddl import Ddl, is_ddl, tables_to_lock
from include.warehouse.embedded.errors import (
    LOCK_CONFLICT,
    UNFORESEEN,
    SnowflakeError,
    transaction_aborted,
    translate,
    unsupported,
)
from include.warehouse.embedded.session_functions import put_facts_into
from include.warehouse.embedded.session_statements import alter_session, commit, use
from include.warehouse.embedded.sessions import Session, Sessions, Transaction
from include.warehouse.embedded.stage_parser import parse_stage_statement
from include.warehouse.embedded.stage_statements import StageStatements
from include.warehouse.embedded.stream_statements import StreamStatements
from include.warehouse.embedded.transactions import first_change, later_change, only_change
from include.warehouse.embedded.wire import Column

log = logging.getLogger(__name__)

AUTOCOMMIT_LOCK_WAIT_S: Final = 2.0
"""How long a statement outside a transaction waits for another's lock; on Snowflake it would be LOCK_TIMEOUT."""

ResultT = TypeVar("ResultT")

_RETRY_S: Final = 0.05
_CHANGES: Final = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Copy)


class Executor:
    """Runs statements in their sessions."""

    def __init__(
        self,
        databases: Databases,
        sessions: Sessions,
        *,
        stages: StageStatements,
        account: AccountStatements,
        streams: StreamStatements,
        ddl: Ddl,
        changes: Changes,
    ) -> None:
        self._databases = databases
        self._sessions = sessions
        self._stages = stages
        self._account = account
        self._ddl = ddl
        self._changes = changes
        self._stream_statements = streams
        self._streams = streams.streams

    def execute(
        self,
        session: Session,
        sql: str,
        parameters: list[Any] | None = None,
        batch: list[list[Any]] | None = None,
    ) -> Answer:
        """Run one statement; `batch` holds the values of each row of an array binding.

        Raises:
            SnowflakeError: It failed.
        """
        with session.busy(), self._as_snowflake(session):
            if about_stage := parse_stage_statement(sql):
                return self._run_stage_statement(session, about_stage)
            if about_stream := self._stream_statements.understand(sql):
                self._refuse_if_aborted(session)
                return answer_of(about_stream(session), statement_type.UNKNOWN)
            if about_account := parse_account_statement(sql):
                return self._run_account_statement(session, about_account)
            return self._run(session, session.translator.parse(sql), parameters, batch)

    def describe(self, session: Session, sql: str) -> Answer:
        """Return the columns of a query without running it.

        Raises:
            SnowflakeError: It does not compile.
        """
        with session.busy(), self._as_snowflake(session):
            statement = session.translator.parse(sql)
            if not isinstance(statement, exp.Query):
                return Answer(pa.table({"status": pa.array([], pa.string())}), [Column("status", "VARCHAR")], 0)
            for placeholder in list(statement.find_all(exp.Placeholder)):
                placeholder.replace(exp.Null())
            self._streams.put_into(statement, session)
            put_facts_into(statement, session)
            translated = session.translator.translate(statement, None)[0].sql(dialect="duckdb")
            rows = session.duck.execute(f"DESCRIBE {translated}").fetchall()
            columns = [Column(row[0], row[1]) for row in rows]
            empty = pa.table([pa.nulls(0, pa.string())] * len(columns), names=[column.name for column in columns])
            return Answer(empty, columns, statement_type.SELECT)

    @contextmanager
    def _as_snowflake(self, session: Session) -> Iterator[None]:
        """Whatever goes wrong, the client gets Snowflake's form of it."""
        try:
            yield
        except Exception as error:
            failure = translate(error)
            self._after_failure(session, failure)
            if failure.errno == UNFORESEEN:
                log.exception("session %d: an unforeseen error", session.id)
            raise failure from error

    def _run_stage_statement(self, session: Session, statement: stage_sql.StageStatement) -> Answer:
        self._refuse_if_aborted(session)
        if self._stages.changes_catalog(statement):
            commit(session)
        if isinstance(statement, stage_sql.PutFiles | stage_sql.GetFiles):
            transfer = self._stages.transfer(statement, session)
            return Answer(pa.table({}), [], statement_type.UNKNOWN, transfer=transfer)
        return answer_of(self._stages.run(statement, session), statement_type.UNKNOWN)

    def _run_account_statement(self, session: Session, statement: AccountStatement) -> Answer:
        self._refuse_if_aborted(session)
        if self._account.changes_catalog(statement):
            commit(session)
        return answer_of(self._account.run(statement, session), statement_type.UNKNOWN)

    def _run(
        self,
        session: Session,
        statement: Expr,
        parameters: list[Any] | None,
        batch: list[list[Any]] | None,
    ) -> Answer:
        if control := self._transaction_control(session, statement):
            return control
        self._refuse_if_aborted(session)
        if isinstance(statement, _CHANGES):
            return self._change(session, statement, parameters, batch)
        if is_ddl(statement):
            commit(session)
            return self._change_catalog(session, statement, parameters)
        if isinstance(statement, exp.Use):
            return self._account.use(session, statement) or use(session, statement, self._databases)
        if _is_alter_session(statement):
            return alter_session(session, statement)
        return self._read(session, statement, parameters)

    def _transaction_control(self, session: Session, statement: Expr) -> Answer | None:
        if isinstance(statement, exp.Transaction) or _is_start_transaction(statement):
            self._refuse_if_aborted(session)
            if session.transaction is None:
                session.transaction = self._begun()
        elif isinstance(statement, exp.Commit):
            commit(session)
        elif isinstance(statement, exp.Rollback):
            session.roll_back()
        else:
            return None
        return succeeded()

    def _begun(self) -> Transaction:
        return Transaction(versions=self._streams.versions())

    def _refuse_if_aborted(self, session: Session) -> None:
        if session.transaction and session.transaction.aborted:
            raise transaction_aborted(session.transaction.aborted)

    def _after_failure(self, session: Session, failure: SnowflakeError) -> None:
        """Find out whether DuckDB lets the transaction go on."""
        transaction = session.transaction
        if transaction is None or not transaction.begun or transaction.aborted:
            return
        try:
            session.duck.execute("SELECT 1").fetchall()
        except duckdb.Error:
            transaction.aborted = f"a statement of it failed: {failure.code} {failure.message}"

    def _change(
        self,
        session: Session,
        statement: Expr,
        parameters: list[Any] | None,
        batch: list[list[Any]] | None,
    ) -> Answer:
        """Run INSERT, UPDATE, DELETE, MERGE or COPY."""
        self._account.refuse_if_suspended(session)
        if not session.autocommit and session.transaction is None:
            session.transaction = self._begun()
        change = self._changes.prepare(session, statement, parameters, batch)
        transaction = session.transaction
        if transaction is None:
            return self._retry_while_locked(session, change.table, lambda: only_change(session, change))
        if transaction.begun:
            return later_change(session, transaction, change)
        try:
            return first_change(session, change)
        except Exception as error:
            if translate(error).errno != LOCK_CONFLICT or not self._sessions.make_way(session, change.table):
                raise
        return first_change(session, change)

    def _change_catalog(self, session: Session, statement: Expr, parameters: list[Any] | None) -> Answer:
        """Run DDL, after the transactions that hold its tables."""
        done = False
        try:
            for table in tables_to_lock(session, statement):
                take = partial(session.locks.take, table, session, snapshot_at=None)
                self._retry_while_locked(session, table, take)
            # not held while we wait: others change other tables meanwhile
            with self._databases.ddl_lock:
                answer = self._ddl.run(session, statement, parameters)
            done = True
            return answer
        finally:
            session.locks.release(session, committed=done)

    def _retry_while_locked(self, session: Session, table: str, attempt: Callable[[], ResultT]) -> ResultT:
        """Run what is no part of a transaction: nothing is lost by trying again."""
        wait = AUTOCOMMIT_LOCK_WAIT_S if session.lock_timeout is None else session.lock_timeout
        deadline = time.monotonic() + min(wait, AUTOCOMMIT_LOCK_WAIT_S)
        while True:
            try:
                return attempt()
            except Exception as error:
                locked = translate(error).errno == LOCK_CONFLICT
                if not locked or not (self._sessions.make_way(session, table) or time.monotonic() < deadline):
                    raise
            time.sleep(_RETRY_S)

    def _read(self, session: Session, statement: Expr, parameters: list[Any] | None) -> Answer:
        self._account.refuse_if_suspended(session)
        type_id = statement_type.statement_type_id(statement)
        answer = succeeded()
        self._streams.put_into(statement, session)
        put_facts_into(statement, session)
        for part in session.translator.translate(statement, parameters):
            if query_id := part.args.get("result_scan_sfqid"):
                return self._scanned(session, query_id)
            sql = part.sql(dialect="duckdb")
            if not sql:
                raise unsupported(statement.key.upper())
            session.duck.execute(sql, parameters if part.find(exp.Placeholder) else None)
            if isinstance(part, exp.Describe) and part.args.get("kind"):
                context = session.context
                session.duck.execute(describe_table(part, context.database, context.schema).sql(dialect="duckdb"))
            answer = fetched(session.duck, type_id)
        return answer

    def _scanned(self, session: Session, query_id: str) -> Answer:
        answer = session.results.get(query_id)
        if answer is None:
            raise SnowflakeError(f"Statement {query_id} not found", errno=709, sqlstate="02000")
        return Answer(answer.table, answer.columns, statement_type.SELECT)


def _is_start_transaction(statement: Expr) -> bool:
    return isinstance(statement, exp.Alias) and statement.sql().upper() == "START AS TRANSACTION"


def _is_alter_session(statement: Expr) -> bool:
    return isinstance(statement, exp.Alter) and str(statement.args.get("kind")).upper() == "SESSION"
