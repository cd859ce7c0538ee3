"""Statements that change a catalog. Each commits by itself, as on Snowflake."""

from collections.abc import Iterable
from typing import Any, Final

import duckdb
from fakesnow import info_schema, statement_type
from sqlglot import Expr, exp

from include.warehouse.embedded.account import Account
from include.warehouse.embedded.answers import Answer, succeeded
from include.warehouse.embedded.changes import full_name
from include.warehouse.embedded.databases import Databases, quoted
from include.warehouse.embedded.errors import compilation_error, missing_object, syntax_error, unsupported
from include.warehouse.embedded.function_statements import FunctionStatements
from include.warehouse.embedded.functions import Functions
from include.warehouse.embedded.sessions import Session
from include.warehouse.embedded.stages import Stages
from include.warehouse.embedded.streams import Streams
from include.warehouse.embedded.translation import folded

_DDL: Final = statement_type.DDL
_NODES: Final = (exp.Create, exp.Drop, exp.Alter, exp.TruncateTable, exp.Comment, exp.Undrop)
_COMMANDS: Final = frozenset({"ALTER", "CREATE", "COMMENT", "DROP"})


def is_ddl(statement: Expr) -> bool:
    """Say whether the statement changes a catalog."""
    if isinstance(statement, exp.Command):
        return str(statement.this).upper() in _COMMANDS
    return isinstance(statement, _NODES) and _kind(statement) != "SESSION"


def _kind(statement: Expr) -> str:
    return str(statement.args.get("kind") or "").upper()


def tables_to_lock(session: Session, statement: Expr) -> list[str]:
    """Return the full names of the tables that a statement changes or removes, which no transaction may hold then.

    Temporary tables are not among them: no other session has them.
    """
    if isinstance(statement, exp.Create):
        if not statement.args.get("replace") or statement.find(exp.TemporaryProperty) is not None:
            return []
        named: Iterable[exp.Table] = [table for table in (statement.find(exp.Table),) if table is not None]
    elif isinstance(statement, exp.Drop | exp.Alter | exp.TruncateTable):
        named = statement.find_all(exp.Table)
    else:
        return []
    if not isinstance(statement, exp.TruncateTable) and _kind(statement) != "TABLE":
        return []
    return sorted({full_name(session, table) for table in named if not session.context.is_temporary(table)})


class Ddl:
    """Runs them."""

    def __init__(
        self, databases: Databases, stages: Stages, streams: Streams, functions: Functions, account: Account
    ) -> None:
        self._databases = databases
        self._stages = stages
        self._streams = streams
        self._functions = functions
        self._function_statements = FunctionStatements(functions, stages)
        self._account = account

    def run(self, session: Session, statement: Expr, parameters: list[Any] | None) -> Answer:
        """Run one statement; the session has no open transaction, and the caller holds the catalog's lock."""
        if isinstance(statement, exp.Undrop):
            raise unsupported("UNDROP")
        kind = _kind(statement)
        if isinstance(statement, exp.Create | exp.Drop) and kind in {"DATABASE", "SCHEMA"}:
            return self._create_or_drop(session, statement, kind)
        if isinstance(statement, exp.Create | exp.Drop) and kind == "FUNCTION":
            return self._function_statements.run(session.context, statement)
        if isinstance(statement, exp.Command) and str(statement.this).upper() == "CREATE":
            raise unsupported(f"CREATE {str(statement.expression).split()[0].upper()}")
        return self._run_translated(session, statement, parameters)

    def _create_or_drop(self, session: Session, statement: exp.Create | exp.Drop, kind: str) -> Answer:
        table = statement.this or statement.args["tables"][0]
        exists = bool(statement.args.get("exists"))
        if kind == "DATABASE":
            name = folded(table.this)
            if isinstance(statement, exp.Drop):
                return self._drop_database(session, name, if_exists=exists)
            return self._create_database(session, statement, name, if_not_exists=exists)
        database = folded(table.args["catalog"]) if table.args.get("catalog") else session.context.database
        schema = folded(table.args.get("db") or table.this)
        if not database:
            raise compilation_error("This session does not have a current database.", errno=90105, sqlstate="22000")
        if not self._databases.exists(database):
            raise missing_object("Database", database)
        if isinstance(statement, exp.Drop):
            return self._drop_schema(session, database, schema, if_exists=exists)
        return self._create_schema(session, statement, database, schema)

    def _create_database(self, session: Session, statement: exp.Create, name: str, *, if_not_exists: bool) -> Answer:
        if statement.args.get("replace") and self._databases.exists(name):
            self._drop_database(session, name, if_exists=True)
        if not self._databases.create(name, if_not_exists=if_not_exists):
            return succeeded(f"{name} already exists, statement succeeded.", type_id=_DDL)
        session.use(name, "PUBLIC")
        return succeeded(f"Database {name} successfully created.", type_id=_DDL)

    def _drop_database(self, session: Session, name: str, *, if_exists: bool) -> Answer:
        if session.context.database == name:
            session.use(None, None)
        self._databases.drop(name, if_exists=if_exists)
        self._streams.drop_all(name)
        self._stages.drop_all(name)
        self._functions.drop_all(name)
        self._account.forget_within(name)
        return succeeded(f"{name} successfully dropped.", type_id=_DDL)

    def _create_schema(self, session: Session, statement: exp.Create, database: str, schema: str) -> Answer:
        if self._databases.schema_exists(database, schema):
            if statement.args.get("replace"):
                self._drop_schema(session, database, schema, if_exists=True)
            elif statement.args.get("exists"):
                session.use(database, schema)
                return succeeded(f"{schema} already exists, statement succeeded.", type_id=_DDL)
            else:
                raise compilation_error(f"Object '{schema}' already exists.", errno=2002, sqlstate="42710")
        self._databases.create_schema(database, schema)
        self._account.made("SCHEMA", f"{database}.{schema}", owner=session.role)
        session.use(database, schema)
        return succeeded(f"Schema {schema} successfully created.", type_id=_DDL)

    def _drop_schema(self, session: Session, database: str, schema: str, *, if_exists: bool) -> Answer:
        if not self._databases.schema_exists(database, schema) and not if_exists:
            raise missing_object("Schema", f"{database}.{schema}")
        if (session.context.database, session.context.schema) == (database, schema):
            session.use(database, None)
        session.duck.execute(f"DROP SCHEMA IF EXISTS {quoted(database)}.{quoted(schema)} CASCADE")
        self._streams.drop_all(database, schema)
        self._stages.drop_all(database, schema)
        self._functions.drop_all(database, schema)
        self._account.forget_within(f"{database}.{schema}")
        return succeeded(f"{schema} successfully dropped.", type_id=_DDL)

    def _run_translated(self, session: Session, statement: Expr, parameters: list[Any] | None) -> Answer:
        temporary = isinstance(statement, exp.Create) and statement.find(exp.TemporaryProperty) is not None
        if temporary:
            session.context.add_temporary(statement)
        if _truncates_nothing(session, statement):
            return succeeded("Statement executed successfully.", type_id=_DDL)
        kind = _kind(statement).capitalize()
        for part in session.translator.translate(statement, parameters):
            sql = part.sql(dialect="duckdb")
            if not sql:
                raise syntax_error(f"{statement.key.upper()} is not understood")
            session.duck.execute(sql, parameters if part.find(exp.Placeholder) else None)
            if not temporary:
                self._remember(session, part)
        name = _object_name(statement)
        if not temporary:
            self._note(session, statement)
        if isinstance(statement, exp.Create):
            if kind == "Table" and not temporary and not statement.args.get("exists"):
                _forget_loads(session, name, statement)
            return succeeded(f"{kind} {name} successfully created.", type_id=_DDL)
        if isinstance(statement, exp.Drop):
            session.context.temporary.pop(name, None)
            return succeeded(f"{name} successfully dropped.", type_id=_DDL)
        return succeeded("Statement executed successfully.", type_id=_DDL)

    def _note(self, session: Session, statement: Expr) -> None:
        """Note who owns a new table or view; what was granted on a dropped one ends, unless a new one inherits it."""
        kind, table = _kind(statement), statement.find(exp.Table)
        if kind not in {"TABLE", "VIEW"} or table is None:
            return
        name = full_name(session, table)
        if isinstance(statement, exp.Drop):
            self._account.forget(kind, name)
        elif isinstance(statement, exp.Create) and not (
            self._account.is_known(kind, name)
            and (statement.args.get("exists") or statement.find(exp.CopyGrantsProperty))
        ):
            self._account.forget(kind, name)
            self._account.made(kind, name, owner=session.role)

    def _remember(self, session: Session, part: Expr) -> None:
        """Keep what DuckDB has no place for: comments, and the lengths of text columns."""
        table, comment = part.args.get("table_comment") or (part.find(exp.Table), None)
        if not isinstance(table, exp.Table):
            return
        context = session.context
        database, schema = table.catalog or context.database or "", table.db or context.schema or ""
        if comment is not None:
            escaped = str(comment).replace("'", "''")
            session.duck.execute(info_schema.insert_table_comment_sql(database, schema, table.name, escaped))
        if lengths := part.args.get("text_lengths"):
            session.duck.execute(info_schema.insert_text_lengths_sql(database, schema, table.name, lengths))


def _truncates_nothing(session: Session, statement: Expr) -> bool:
    """Say whether it is a TRUNCATE TABLE IF EXISTS of no table; else let it pass without the IF EXISTS."""
    if not isinstance(statement, exp.TruncateTable) or not statement.args.get("exists"):
        return False
    statement.set("exists", None)
    return not _exists(session, statement.expressions[0])


def _exists(session: Session, table: exp.Table) -> bool:
    """Say whether a table exists: DuckDB has no TRUNCATE TABLE IF EXISTS."""
    try:
        session.duck.execute(f"SELECT 1 FROM {table.sql(dialect='duckdb')} LIMIT 0")  # noqa: S608
    except duckdb.CatalogException:
        return False
    return True


def _forget_loads(session: Session, name: str, statement: Expr) -> None:
    """A table that is made anew has loaded nothing."""
    table = statement.find(exp.Table)
    database = (table.catalog if table else "") or session.context.database or ""
    schema = (table.db if table else "") or session.context.schema
    session.duck.execute(
        f"DELETE FROM {quoted(database.upper())}._fs_information_schema._fs_load_history "  # noqa: S608
        "WHERE upper(schema_name) = upper(?) AND table_name = ?",
        [schema, name],
    )


def _object_name(statement: Expr) -> str:
    table = statement.find(exp.Table)
    return folded(table.this) if table is not None else ""
