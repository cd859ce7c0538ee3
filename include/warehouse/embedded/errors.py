"""What goes wrong, as Snowflake would say it.

A client sees Snowflake's own error numbers and SQL states, whatever failed below: DuckDB, sqlglot or fakesnow.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

import duckdb
import snowflake.connector.errors
from sqlglot.errors import SqlglotError

LOCK_CONFLICT: Final = 625
UNFORESEEN: Final = 603
PYTHON_FAILED: Final = 100357
"""A Python function has raised, has died, or took too long."""
TRANSACTION_ABORTED: Final = 92000
"""Ours: Snowflake keeps a transaction alive after a failed statement, DuckDB does not."""


class SnowflakeError(Exception):
    """A refusal in Snowflake's terms."""

    def __init__(self, message: str, *, errno: int, sqlstate: str) -> None:
        super().__init__(message)
        self.message = message
        self.errno = errno
        self.sqlstate = sqlstate
        self.query_id: str | None = None
        """The statement that failed, once it is known."""

    @property
    def code(self) -> str:
        """The error number as the wire protocol writes it: six digits."""
        return f"{self.errno:06d}"


class RootInUseError(Exception):
    """Another server works on this root."""


def compilation_error(text: str, *, errno: int, sqlstate: str = "42000") -> SnowflakeError:
    """Return an error that Snowflake finds while it compiles a statement."""
    return SnowflakeError(f"SQL compilation error:\n{text}", errno=errno, sqlstate=sqlstate)


def syntax_error(text: str) -> SnowflakeError:
    """Return the error for a statement that cannot be parsed."""
    return compilation_error(text, errno=1003)


def unsupported(feature: str) -> SnowflakeError:
    """Return the error for what Snowflake has and the embedded warehouse has not."""
    return SnowflakeError(f"Unsupported feature '{feature}' in the embedded warehouse.", errno=2, sqlstate="0A000")


def missing_object(kind: str, name: str) -> SnowflakeError:
    """Return the error for an object that is not there."""
    return compilation_error(f"{kind} '{name}' does not exist or not authorized.", errno=2003, sqlstate="42S02")


def existing_object(name: str) -> SnowflakeError:
    """Return the error for an object that is there already."""
    return compilation_error(f"Object '{name}' already exists.", errno=2002, sqlstate="42710")


def translate(error: Exception) -> SnowflakeError:
    """Return the error that Snowflake would have raised in this place; an unknown one becomes 000603."""
    if isinstance(error, SnowflakeError):
        return error
    if isinstance(error, duckdb.Error):
        return _from_duckdb(error)
    if isinstance(error, snowflake.connector.errors.Error):
        # fakesnow's, which has Snowflake's numbers already
        message = str(error.raw_msg or error.msg or error)
        return SnowflakeError(message, errno=max(error.errno or 603, 0), sqlstate=error.sqlstate or "42000")
    for error_class, translated in _BY_CLASS:
        if isinstance(error, error_class):
            return translated(error)
    message = f"SQL execution internal error: {type(error).__name__}: {error}"
    return SnowflakeError(message, errno=UNFORESEEN, sqlstate="XX000")


_BY_CLASS: Final[tuple[tuple[type[Exception], Callable[[Exception], SnowflakeError]], ...]] = (
    (SqlglotError, lambda error: syntax_error(re.sub(r"\x1b\[\d*m", "", str(error)))),
    (NotImplementedError, lambda error: unsupported(str(error))),
    (OSError, lambda error: SnowflakeError(f"Storage error: {error}", errno=91016, sqlstate="22000")),
)


class _Rule(NamedTuple):
    """How one kind of DuckDB's messages reads on Snowflake; the text may use the pattern's groups."""

    error_class: type[duckdb.Error]
    pattern: str
    errno: int
    sqlstate: str
    text: str


_COMPILATION: Final = "SQL compilation error:\n"
_CONFLICT: Final = (
    "Your statement was aborted because another transaction holds the lock on its rows and has not yet released it. "
    "Roll back, wait, and run the transaction again. ({message})"
)

_RULES: Final = (
    _Rule(duckdb.TransactionException, "onflict", LOCK_CONFLICT, "57014", _CONFLICT),
    _Rule(duckdb.CatalogException, "onflict", LOCK_CONFLICT, "57014", _CONFLICT),
    _Rule(
        duckdb.TransactionException,
        "Attempting to write to database",
        2,
        "0A000",
        "Unsupported feature 'writing to two databases in one transaction' in the embedded warehouse.",
    ),
    _Rule(duckdb.TransactionException, "", TRANSACTION_ABORTED, "25P02", "The transaction was aborted: {message}"),
    _Rule(
        duckdb.CatalogException,
        r'"(?P<name>[^"]+)" already exists|already exists',
        2002,
        "42710",
        _COMPILATION + "Object '{name}' already exists.",
    ),
    _Rule(duckdb.ResourceInUseException, "", 2002, "42710", _COMPILATION + "{message}"),
    _Rule(
        duckdb.CatalogException,
        r"Function with name (?P<name>\S+) does not exist",
        2140,
        "42601",
        _COMPILATION + "Unknown function {name}",
    ),
    _Rule(
        duckdb.CatalogException,
        r"with name \"?(?P<name>[^\s\"!]+)\"? does not exist",
        2003,
        "42S02",
        _COMPILATION + "Object '{name}' does not exist or not authorized.",
    ),
    _Rule(duckdb.CatalogException, "", 2003, "42S02", _COMPILATION + "{message}"),
    _Rule(
        duckdb.BinderException,
        r"Referenced (?:update )?(?:column|table) \"?(?P<name>[^\s\"]+)\"? not found"
        r"|does not have a column with name \"(?P<other_name>[^\"]+)\"",
        904,
        "42000",
        _COMPILATION + "invalid identifier '{name}'",
    ),
    _Rule(
        duckdb.BinderException,
        r"(?:expected|has) (?P<expected>\d+) columns but (?P<found>\d+) values were supplied",
        2057,
        "42601",
        _COMPILATION + "Insert value list does not match column list expecting {expected} but got {found}",
    ),
    _Rule(
        duckdb.BinderException,
        r"column \"(?P<name>[^\"]+)\" must appear in the GROUP BY clause",
        979,
        "42601",
        _COMPILATION + "[{name}] is not a valid group by expression",
    ),
    _Rule(duckdb.BinderException, "Ambiguous reference", 2028, "42601", _COMPILATION + "{message}"),
    _Rule(duckdb.BinderException, "Duplicate (struct entry|named arg)", 100103, "22000", "{message}"),
    _Rule(
        duckdb.BinderException,
        "No function matches|Could not choose|Cannot compare|Cannot mix",
        1044,
        "42P13",
        _COMPILATION + "Invalid argument types: {message}",
    ),
    _Rule(duckdb.BinderException, "", 2043, "02000", _COMPILATION + "{message}"),
    _Rule(duckdb.ParserException, "", 1003, "42000", _COMPILATION + "{message}"),
    _Rule(duckdb.SyntaxException, "", 1003, "42000", _COMPILATION + "{message}"),
    _Rule(duckdb.DataError, "JSON", 100069, "22P02", "Error parsing JSON: {message}"),
    _Rule(
        duckdb.ConversionException,
        "(?i)timestamp|date|time zone",
        100040,
        "22007",
        "Timestamp or date is not recognized: {message}",
    ),
    _Rule(duckdb.DataError, "(?i)out of range|overflow", 100039, "22003", "Numeric value is out of range: {message}"),
    _Rule(duckdb.ConversionException, "", 100038, "22018", "Value is not recognized: {message}"),
    _Rule(
        duckdb.InvalidInputException,
        "cannot affect the same target row more than once",
        100090,
        "42P18",
        "Duplicate row detected during DML action\n{message}",
    ),
    _Rule(duckdb.InvalidInputException, "Division by zero", 100051, "22012", "Division by zero"),
    _Rule(duckdb.InvalidInputException, "JSON", 100069, "22P02", "Error parsing JSON: {message}"),
    _Rule(duckdb.InvalidInputException, "(?s)(?P<name>Python Interpreter Error:.*)", PYTHON_FAILED, "P0000", "{name}"),
    _Rule(duckdb.InvalidInputException, "", 100038, "22018", "{message}"),
    _Rule(
        duckdb.ConstraintException,
        "NOT NULL constraint failed: (?P<name>.+)",
        100072,
        "22000",
        "NULL result in a non-nullable column: {name}",
    ),
    _Rule(duckdb.NotImplementedException, "", 2, "0A000", "Unsupported feature in the embedded warehouse: {message}"),
    _Rule(duckdb.InterruptException, "", 604, "57014", "SQL execution canceled"),
    _Rule(duckdb.IOException, "", 91016, "22000", "{message}"),
    _Rule(duckdb.Error, "", UNFORESEEN, "XX000", "SQL execution error: {message}"),
)


def _from_duckdb(error: duckdb.Error) -> SnowflakeError:
    """Return what the first rule says that fits the error."""
    # DuckDB's picture of the statement is left out: it is the translated one, and may hold values
    message = re.sub(r"^[A-Z][A-Za-z ]*? Error: ", "", str(error).split("\n\nLINE ", maxsplit=1)[0]).strip()
    rule, found = next(
        (rule, found)
        for rule in _RULES
        if isinstance(error, rule.error_class) and (found := re.search(rule.pattern, message))
    )
    groups = {"name": message} | {name.removeprefix("other_"): v for name, v in found.groupdict().items() if v}
    text = rule.text.format(message=message, **groups)
    return SnowflakeError(text, errno=rule.errno, sqlstate=rule.sqlstate)


def transaction_aborted(reason: str) -> SnowflakeError:
    """Return the error for any statement but ROLLBACK in a transaction that cannot go on."""
    text = (
        f"The transaction was aborted and nothing of it is written ({reason}). Run ROLLBACK and then all of it again."
    )
    return SnowflakeError(text, errno=TRANSACTION_ABORTED, sqlstate="25P02")
