"""The functions that users have made: Python functions and SQL functions, which survive a restart."""

import json
import threading
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from include.warehouse.embedded.databases import GLOBAL, Databases
from include.warehouse.embedded.errors import existing_object, missing_object

FUNCTIONS_TABLE: Final = f"{GLOBAL}.main.functions"

_CREATE_TABLE: Final = f"""
CREATE TABLE IF NOT EXISTS {FUNCTIONS_TABLE} (
    database_name VARCHAR NOT NULL,
    schema_name VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    definition VARCHAR NOT NULL
)
"""


class FunctionKey(NamedTuple):
    """A function's full name; there is one function of a name, whatever its arguments."""

    database: str
    schema: str
    name: str

    def __str__(self) -> str:
        return ".".join(self)


class Argument(NamedTuple):
    """An argument of a function."""

    name: str
    type: str
    default: str | None
    """An expression; None: the argument must be given."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function, as its CREATE FUNCTION has described it."""

    key: FunctionKey
    arguments: tuple[Argument, ...]
    returns: str
    """Snowflake's type."""
    language: Literal["PYTHON", "SQL"]
    body: str = ""
    """Of a SQL function: the expression."""
    handler: str = ""
    """Of a Python function: `module.function`."""
    imports: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    runtime: str = ""
    comment: str = ""
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    @property
    def identity(self) -> str:
        """What another function of the same name does not have."""
        return f"{self.key} {self.created_at}"

    @property
    def n_needed(self) -> int:
        """How many arguments must be given."""
        return sum(argument.default is None for argument in self.arguments)

    @property
    def signature(self) -> str:
        """The arguments with their types, as INFORMATION_SCHEMA shows them."""
        return "(" + ", ".join(f"{argument.name} {argument.type}" for argument in self.arguments) + ")"


class Functions:
    """Keeps the functions."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._lock = threading.RLock()
        with databases.connection() as duck:
            duck.execute(_CREATE_TABLE)
            rows = duck.execute(f"SELECT definition FROM {FUNCTIONS_TABLE}").fetchall()  # noqa: S608
        self._functions = {function.key: function for function in (_read(definition) for (definition,) in rows)}

    def find(self, key: FunctionKey) -> Function | None:
        """Return a function, or None."""
        return self._functions.get(key)

    def all(self, database: str) -> list[Function]:
        """Return the functions of a database, sorted by name."""
        return [self._functions[key] for key in sorted(self._functions) if key.database == database]

    def create(self, function: Function, *, replace: bool, if_not_exists: bool) -> bool:
        """Keep a function, and say whether it is new.

        Raises:
            SnowflakeError: It is there already (002002), or its schema is not (002003).
        """
        key = function.key
        with self._lock:
            if key in self._functions and not replace:
                if if_not_exists:
                    return False
                raise existing_object(key.name)
            if not self._databases.schema_exists(key.database, key.schema):
                raise missing_object("Schema", f"{key.database}.{key.schema}")
            with self._databases.connection() as duck:
                duck.execute("BEGIN")
                duck.execute(_DELETE, list(key))
                values = [*key, json.dumps(asdict(function))]
                duck.execute(f"INSERT INTO {FUNCTIONS_TABLE} VALUES (?, ?, ?, ?)", values)  # noqa: S608
                duck.execute("COMMIT")
            self._functions[key] = function
            return True

    def drop(self, key: FunctionKey, *, if_exists: bool) -> None:
        """Forget a function.

        Raises:
            SnowflakeError: There is none (002003).
        """
        with self._lock:
            if key not in self._functions:
                if if_exists:
                    return
                raise missing_object("Function", str(key))
            with self._databases.connection() as duck:
                duck.execute(_DELETE, list(key))
            del self._functions[key]

    def drop_all(self, database: str, schema: str | None = None) -> None:
        """Forget the functions of a database, or of one schema of it."""
        for key in list(self._functions):
            if key.database == database and schema in {None, key.schema}:
                self.drop(key, if_exists=True)


_DELETE: Final = f"DELETE FROM {FUNCTIONS_TABLE} WHERE database_name = ? AND schema_name = ? AND name = ?"  # noqa: S608


def _read(definition: str) -> Function:
    fields = json.loads(definition)
    fields["key"] = FunctionKey(*fields["key"])
    fields["arguments"] = tuple(Argument(*argument) for argument in fields["arguments"])
    for name in ("imports", "packages"):
        fields[name] = tuple(fields[name])
    return Function(**fields)
