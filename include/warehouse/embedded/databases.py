"""The databases: DuckDB files below the server's root, attached to one DuckDB instance that serves all sessions."""

import logging
import re
import threading
import warnings
from pathlib import Path
from typing import Final, Literal

import duckdb
from fakesnow import info_schema, macros
from fakesnow.transforms import show

from include.warehouse.embedded.errors import (
    RootInUseError,
    existing_object,
    missing_object,
    unsupported,
)

log = logging.getLogger(__name__)

# DuckDB would rather have con.sql(), which it refuses for statements that write
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result", category=UserWarning)

GLOBAL: Final = "_fs_global"
"""What belongs to no database: stages, their directory tables, comments. fakesnow's translation expects this name."""

_SETTINGS: Final = {
    # sqlglot still writes arrow lambdas
    "lambda_syntax": "ENABLE_SINGLE_ARROW",
    # a local server never downloads code
    "autoinstall_known_extensions": "false",
    # Snowflake refuses to divide by zero; DuckDB's default is infinity
    "ieee_floating_point_ops": "false",
    # it shares the machine with the tasks that it serves: what does not fit goes to files below the root, and a million
    # answers are committed as fast. DuckDB would take four fifths of the memory
    "memory_limit": "350MB",
}

# fakesnow's macro does not bind for every type that Snowflake casts to a timestamp, and drops fractions of a second
_TO_TIMESTAMP: Final = """
CREATE OR REPLACE MACRO {database}._fs_to_timestamp(val, scale) AS (
    CASE
        WHEN try_cast(val::VARCHAR AS BIGINT) IS NULL THEN CAST(val::VARCHAR AS TIMESTAMP)
        WHEN scale = 0 THEN make_timestamp(try_cast(val::VARCHAR AS BIGINT) * 1000000)
        WHEN scale = 3 THEN make_timestamp(try_cast(val::VARCHAR AS BIGINT) * 1000)
        WHEN scale = 6 THEN make_timestamp(try_cast(val::VARCHAR AS BIGINT))
        ELSE make_timestamp(try_cast(val::VARCHAR AS BIGINT) // 1000)
    END
)
"""


class Databases:
    """Creates, attaches and drops databases; hands out one DuckDB connection per session."""

    def __init__(self, root: Path) -> None:
        """Open everything below the root.

        Raises:
            RootInUseError: Another server has the root open.
        """
        self._folder = root / "databases"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._duck = duckdb.connect(":memory:", config={**_SETTINGS, "temp_directory": str(root / "tmp")})
        self.ddl_lock = threading.RLock()
        """Held by every statement that changes a catalog: two at once would conflict, which they never do elsewhere."""
        self._duck.execute("SET GLOBAL TimeZone = 'UTC'")
        try:
            self._duck.execute(f"ATTACH {_literal(root / 'global.db')} AS {GLOBAL}")
            self._duck.execute(info_schema.fs_global_creation_sql())
            self._duck.execute(show.fs_global_creation_sql())
            for file in sorted(self._folder.glob("*.db")):
                self._attach(file.stem)
        except duckdb.IOException as error:
            self._duck.close()
            if "lock" in str(error):
                raise RootInUseError(f"another server is using {root}: stop it, or choose another root") from error
            raise

    @property
    def duck(self) -> duckdb.DuckDBPyConnection:
        """The connection that owns the instance: functions are registered on it."""
        return self._duck

    def connection(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection to the instance, with a transaction and temporary tables of its own."""
        return self._duck.cursor()

    def names(self) -> list[str]:
        """Return the names of all databases."""
        with self.connection() as duck:
            rows = duck.execute("SELECT database_name FROM duckdb_databases() WHERE NOT internal").fetchall()
        return sorted(name for (name,) in rows if name not in {GLOBAL, "memory"})

    def exists(self, name: str) -> bool:
        """Say whether there is a database with this name."""
        return name in self.names()

    def schema_exists(self, database: str, schema: str) -> bool:
        """Say whether the database has this schema."""
        with self.connection() as duck:
            sql = "SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = ?"
            return duck.execute(sql, [database, schema]).fetchone() is not None

    def schemas(self) -> list[str]:
        """Return the full names of all schemas."""
        with self.connection() as duck:
            sql = "SELECT database_name, schema_name FROM duckdb_schemas() WHERE NOT internal"
            return sorted(".".join(row) for row in duck.execute(sql).fetchall())

    def relations(self, kind: Literal["TABLE", "VIEW"], database: str, schema: str) -> list[str]:
        """Return the names of a schema's permanent tables, or of its views."""
        sql = "SELECT view_name FROM duckdb_views() WHERE database_name = ? AND schema_name = ? AND NOT internal"
        if kind == "TABLE":
            sql = "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND NOT temporary"
        with self.connection() as duck:
            return sorted(name for (name,) in duck.execute(sql, [database, schema]).fetchall())

    def create(self, name: str, *, if_not_exists: bool = False) -> bool:
        """Make a database with the schema PUBLIC, and say whether it is new.

        Raises:
            SnowflakeError: It is there already (002002), or its name needs quotes.
        """
        if not re.fullmatch(r"[A-Z][A-Z0-9_$]*", name):
            raise unsupported(f'the database name "{name}": use letters, digits and _, without quotes')
        with self.ddl_lock:
            if self.exists(name):
                if if_not_exists:
                    return False
                raise existing_object(name)
            self._attach(name)
            with self.connection() as duck:
                duck.execute(f"CREATE SCHEMA IF NOT EXISTS {name}.PUBLIC")
            return True

    def create_schema(self, database: str, schema: str) -> None:
        """Make a schema if it is not there."""
        with self.ddl_lock, self.connection() as duck:
            duck.execute(f"CREATE SCHEMA IF NOT EXISTS {database}.{quoted(schema)}")

    def drop(self, name: str, *, if_exists: bool = False) -> None:
        """Drop a database and its file.

        Raises:
            SnowflakeError: There is none (002003).
        """
        with self.ddl_lock:
            if not self.exists(name):
                if if_exists:
                    return
                raise missing_object("Database", name)
            with self.connection() as duck:
                duck.execute(f"DETACH {quoted(name)}")
            for file in (self._folder / f"{name}.db", self._folder / f"{name}.db.wal"):
                file.unlink(missing_ok=True)

    def close(self) -> None:
        """Write everything from the logs into the database files and close them."""
        for name in (GLOBAL, *self.names()):
            try:
                self._duck.execute(f"CHECKPOINT {quoted(name)}")
            except duckdb.Error as error:
                # nothing is lost: the log is replayed at the next start
                log.warning("the database %s could not be checkpointed: %s", name, error)
        self._duck.close()

    def _attach(self, name: str) -> None:
        with self.connection() as duck:
            duck.execute(f"ATTACH {_literal(self._folder / f'{name}.db')} AS {quoted(name)}")
            duck.execute(info_schema.per_db_creation_sql(name))
            duck.execute(macros.creation_sql(name))
            duck.execute(_TO_TIMESTAMP.format(database=name))


def quoted(identifier: str) -> str:
    """Return the identifier in double quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
