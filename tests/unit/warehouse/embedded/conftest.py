"""One embedded warehouse for all of its tests, a schema of its own for each."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector import SnowflakeConnection

from include.warehouse.embedded.server import RunningServer, running_server

USER = "driftgate"
PASSWORD = "correct horse"
IDLE_TRANSACTION_S = 0.4

Connect = Callable[..., SnowflakeConnection]


def open_connection(server: RunningServer, **options: Any) -> SnowflakeConnection:
    defaults = {
        "account": "embedded",
        "user": USER,
        "password": PASSWORD,
        "host": server.host,
        "port": server.port,
        "protocol": "http",
        "network_timeout": 20,
        "login_timeout": 20,
    }
    return snowflake.connector.connect(**{**defaults, **options})


@pytest.fixture(scope="session")
def warehouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    root = tmp_path_factory.mktemp("warehouse")
    with running_server(root, user=USER, password=PASSWORD, idle_transaction_s=IDLE_TRANSACTION_S) as server:
        yield server


_numbers = itertools.count(1)


@pytest.fixture
def database() -> str:
    return "TESTS"


@pytest.fixture
def schema() -> str:
    return f"TEST_{next(_numbers)}"


@pytest.fixture
def connect(warehouse_server: RunningServer, database: str, schema: str) -> Iterator[Connect]:
    connections: list[SnowflakeConnection] = []

    def connect(**options: Any) -> SnowflakeConnection:
        connections.append(open_connection(warehouse_server, **{"database": database, "schema": schema, **options}))
        return connections[-1]

    yield connect
    for connection in connections:
        connection.close()


@pytest.fixture
def run(connect: Connect) -> Callable[..., list[tuple[Any, ...]]]:
    """Run one statement on the test's connection, and return its rows."""
    return runner(connect())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "staged files"
    folder.mkdir()
    return folder


def runner(connection: SnowflakeConnection) -> Callable[..., list[tuple[Any, ...]]]:
    def run(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall()

    return run
