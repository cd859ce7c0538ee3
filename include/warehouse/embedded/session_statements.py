"""Statements about the session itself: COMMIT, USE, ALTER SESSION."""

from sqlglot import Expr, exp

from include.warehouse.embedded.answers import Answer, succeeded
from include.warehouse.embedded.databases import Databases
from include.warehouse.embedded.errors import compilation_error, transaction_aborted, unsupported
from include.warehouse.embedded.sessions import Session
from include.warehouse.embedded.translation import folded


def commit(session: Session) -> None:
    """Commit the open transaction, if there is one.

    Raises:
        SnowflakeError: It was aborted; nothing of it is written.
        duckdb.Error: Its changes conflict with another's; nothing of it is written.
    """
    transaction = session.transaction
    if transaction is None:
        return
    if transaction.aborted:
        session.roll_back()
        raise transaction_aborted(transaction.aborted)
    if transaction.begun:
        session.commit()
    else:
        session.roll_back()


def use(session: Session, statement: exp.Use, databases: Databases) -> Answer:
    """USE DATABASE, USE SCHEMA."""
    kind = str(statement.args.get("kind") or "").upper()
    table = statement.this
    if kind == "SECONDARY ROLES" or not isinstance(table, exp.Table):
        return succeeded()
    if kind == "DATABASE" or (not kind and not table.args.get("db")):
        database, schema = folded(table.this), "PUBLIC"
    else:
        database = folded(table.args["db"]) if table.args.get("db") else session.context.database or ""
        schema = folded(table.this)
    if not databases.schema_exists(database, schema):
        if kind != "DATABASE" or not databases.exists(database):
            text = "Object does not exist, or operation cannot be performed."
            raise compilation_error(text, errno=2043, sqlstate="02000")
        session.use(database, None)
    else:
        session.use(database, schema)
    return succeeded()


def alter_session(session: Session, statement: Expr) -> Answer:
    """ALTER SESSION SET … and UNSET …."""
    altered = statement.find(exp.AlterSession)
    unset = bool(altered and altered.args.get("unset"))
    for item in (altered.args.get("expressions") or []) if altered else []:
        name = item.find(exp.Identifier).name.upper()
        value = None if unset else item.this.expression
        set_parameter(session, name, None if value is None else value.name or value.sql())
    return succeeded()


def set_parameter(session: Session, name: str, value: str | None) -> None:
    """Set a session parameter; those that change nothing here are accepted.

    Raises:
        SnowflakeError: The value of one that does is not possible.
    """
    if name == "AUTOCOMMIT":
        wanted = value is None or value.upper() in {"TRUE", "ON", "1"}
        if wanted and not session.autocommit:
            commit(session)
        session.autocommit = wanted
    elif name == "LOCK_TIMEOUT":
        session.lock_timeout = None if value is None else _seconds(name, value)
    elif name == "QUERY_TAG":
        session.query_tag = value or ""
    elif name == "TIMEZONE" and value is not None and value.upper() not in {"UTC", "ETC/UTC"}:
        raise unsupported(f"TIMEZONE = '{value}': sessions here are in UTC; set TIMEZONE = 'UTC'")


def _seconds(name: str, value: str) -> float:
    # no sign, no nan: Snowflake takes a whole number
    if not (value.isascii() and value.isdigit()):
        raise compilation_error(f"invalid value [{value}] for parameter '{name}'", errno=1008, sqlstate="22023")
    return float(value)
