"""The embedded warehouse as a process: logging in, sessions, restarts and crashes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector.errors import DatabaseError, ProgrammingError

from include.warehouse.embedded import results, routes
from include.warehouse.embedded.results import Results
from include.warehouse.embedded.server import PortInUseError, RunningServer, listen, running_server
from tests.unit.warehouse.embedded.conftest import PASSWORD, USER, open_connection, runner

PROJECT = Path(__file__).parents[4]


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD), (USER, PASSWORD + " ")])
def test_a_wrong_password_is_refused_at_once(warehouse_server, user, password):
    started = time.monotonic()
    with pytest.raises(DatabaseError, match="Incorrect username or password") as refused:
        open_connection(warehouse_server, user=user, password=password)
    assert refused.value.errno == 390100
    assert time.monotonic() - started < 5


def test_a_session_that_is_gone_is_an_error_at_once(warehouse_server, connect):
    connection = connect()
    warehouse_server.warehouse.sessions.close(connection.rest.token)
    started = time.monotonic()
    with pytest.raises(ProgrammingError, match="login again") as gone:
        connection.cursor().execute("SELECT 1")
    assert gone.value.errno == 390104
    assert time.monotonic() - started < 5


def test_closing_a_connection_ends_its_session(warehouse_server):
    before = len(warehouse_server.warehouse.sessions)
    connection = open_connection(warehouse_server)
    assert len(warehouse_server.warehouse.sessions) == before + 1
    connection.close()
    assert len(warehouse_server.warehouse.sessions) == before


def test_a_statement_needs_a_session(warehouse_server):
    request = urllib.request.Request(  # noqa: S310
        f"{warehouse_server.url}/queries/v1/query-request", data=json.dumps({"sqlText": "SELECT 1"}).encode()
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        answer = json.load(response)
    assert (answer["success"], answer["code"]) == (False, "390103")


def test_a_request_that_is_no_json_is_an_error_and_no_500(warehouse_server):
    request = urllib.request.Request(f"{warehouse_server.url}/session/v1/login-request", data=b"{nonsense")  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        assert json.load(response)["code"] == "390400"


def test_it_says_when_it_is_ready(warehouse_server):
    with urllib.request.urlopen(f"{warehouse_server.url}/healthz", timeout=10) as response:  # noqa: S310
        assert json.load(response) == {"status": "ok"}


def test_a_request_that_is_repeated_runs_once(warehouse_server, connect, run):
    """The connector repeats a request, with the same id, when it has lost the connection in between."""
    run("CREATE TABLE T (N INTEGER)")
    connection = connect()
    headers = {"Authorization": f'Snowflake Token="{connection.rest.token}"'}
    body = json.dumps({"sqlText": "INSERT INTO T VALUES (1)"}).encode()
    url = f"{warehouse_server.url}/queries/v1/query-request?requestId=one"
    answers = []
    for _ in range(2):
        request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            answers.append(json.load(response)["data"]["rowset"])
    assert answers == [[["1"]], [["1"]]]
    assert run("SELECT COUNT(*) FROM T") == [(1,)]


def test_a_failure_that_is_asked_for_again_is_the_same_failure(warehouse_server, connect, run):
    """A COMMIT that failed has ended its transaction: a second one would find nothing to do, and succeed."""
    run("CREATE TABLE T (N INTEGER)")
    run("INSERT INTO T VALUES (1)")
    connection = connect()
    writer = runner(connection)
    writer("BEGIN")
    writer("UPDATE T SET N = 2")
    with pytest.raises(ProgrammingError):
        writer("UPDATE T SET N = 1 / 0")
    headers = {"Authorization": f'Snowflake Token="{connection.rest.token}"'}
    url = f"{warehouse_server.url}/queries/v1/query-request?requestId=commit"
    answers = []
    for _ in range(3):
        request = urllib.request.Request(url, data=json.dumps({"sqlText": "COMMIT"}).encode(), headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            answers.append(json.load(response))
    assert [(answer["success"], answer["code"]) for answer in answers] == [(False, "092000")] * 3
    assert len({answer["message"] for answer in answers}) == 1
    assert run("SELECT N FROM T") == [(1,)]
    writer("UPDATE T SET N = 3")
    assert run("SELECT N FROM T") == [(3,)], "the session goes on"


def test_the_result_and_the_status_of_a_failed_statement_are_its_error(connect):
    connection = connect()
    run = runner(connection)
    with pytest.raises(ProgrammingError, match="Division by zero") as division:
        run("SELECT 1 / 0")
    query_id = division.value.sfqid
    assert connection.is_an_error(connection.get_query_status(query_id))
    with pytest.raises(ProgrammingError, match="Division by zero") as failed:
        connection.get_query_status_throw_if_error(query_id)
    assert int(failed.value.errno) == 100051
    with pytest.raises(ProgrammingError, match="Division by zero"):
        run(f"SELECT * FROM TABLE(RESULT_SCAN('{query_id}'))")  # noqa: S608


def test_a_long_statement_is_answered_in_parts(connect, monkeypatch):
    """The client is told to ask again, before it takes silence for a broken connection."""
    monkeypatch.setattr(routes, "PATIENCE_S", 0.05)
    run = runner(connect())
    (count,) = run("SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 30000)) a, TABLE(GENERATOR(ROWCOUNT => 30000)) b")[
        0
    ]
    assert count == 900_000_000


def test_a_statement_can_be_cancelled(connect):
    run_for_ever = (
        "SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 100000000)) a, TABLE(GENERATOR(ROWCOUNT => 100000)) b"
    )
    connection = connect()
    with pytest.raises(ProgrammingError) as cancelled:
        connection.cursor().execute(run_for_ever, timeout=1)
    assert cancelled.value.errno == 604
    assert runner(connection)("SELECT 1") == [(1,)]


def test_results_are_let_go(warehouse_server, connect):
    connection = connect()
    run = runner(connection)
    for _ in range(40):
        run("SELECT * FROM TABLE(GENERATOR(ROWCOUNT => 10))")
    kept: Results = warehouse_server.warehouse.sessions.get(connection.rest.token).results
    assert 0 < len(kept) <= 16


def test_large_results_are_let_go_by_size(warehouse_server, connect, monkeypatch):
    monkeypatch.setattr(results, "_KEPT_BYTES", 100_000)
    connection = connect()
    run = runner(connection)
    for _ in range(3):
        assert len(run("SELECT REPEAT('x', 1000) AS S FROM TABLE(GENERATOR(ROWCOUNT => 80))")) == 80
    assert len(warehouse_server.warehouse.sessions.get(connection.rest.token).results) == 1


def test_everything_is_there_after_a_restart(tmp_path):
    root, folder = tmp_path / "root", tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"content")
    with running_server(root, user=USER, password=PASSWORD) as server, open_session(server) as run:
        run("CREATE TABLE T (N INTEGER, V VARIANT) COMMENT = 'kept'")
        run("INSERT INTO T SELECT 1, PARSE_JSON('[1]')")
        run("CREATE VIEW W AS SELECT V[0]::INTEGER AS X FROM T")
        run(f"CREATE STAGE IMAGES URL='file://{folder}' DIRECTORY=(ENABLE=TRUE)")
        run("ALTER STAGE IMAGES REFRESH")
        run("CREATE VIEW FILES AS SELECT GET_PRESIGNED_URL(@IMAGES, RELATIVE_PATH) AS URL FROM DIRECTORY(@IMAGES)")
        run("CREATE STAGE MODELS DIRECTORY=(ENABLE=TRUE)")
        run(f"PUT 'file://{folder}/a.png' @MODELS/v1 AUTO_COMPRESS=FALSE")
        (old_url,) = run("SELECT GET_PRESIGNED_URL(@MODELS, 'v1/a.png')")[0]
        port = server.port
    with running_server(root, user=USER, password=PASSWORD, port=port) as server, open_session(server) as run:
        assert run("SELECT N, V FROM T") == [(1, "[1]")]
        assert run("SELECT X FROM W") == [(1,)]
        assert run("SELECT RELATIVE_PATH FROM DIRECTORY(@IMAGES)") == [("a.png",)]
        assert run("ALTER STAGE IMAGES REFRESH") == []
        assert [row[0] for row in run("LIST @MODELS")] == ["models/v1/a.png"]
        assert run("SELECT COMMENT FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'T'") == [("kept",)]
        (new_url,) = run("SELECT URL FROM FILES")[0]
        for url in (old_url, new_url):
            with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310
                assert response.read() == b"content"


@contextlib.contextmanager
def open_session(server: RunningServer) -> Iterator[Any]:
    connection = open_connection(server, database="D", schema="S")
    try:
        yield runner(connection)
    finally:
        connection.close()


def test_a_taken_port_is_named(warehouse_server):
    with pytest.raises(PortInUseError, match=str(warehouse_server.port)):
        listen("127.0.0.1", warehouse_server.port)


class Server:
    """A server process, on a port that was free a moment ago."""

    def __init__(self, root: Path, password_file: Path) -> None:
        with contextlib.closing(listen("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.host = "127.0.0.1"
        self.connections: list[snowflake.connector.SnowflakeConnection] = []
        self.command = [
            *(sys.executable, "-m", "include.warehouse.embedded", "--root", str(root), "--port", str(self.port)),
            *("--user", USER, "--password-file", str(password_file)),
        ]
        self.process = subprocess.Popen(self.command, cwd=PROJECT, stderr=subprocess.PIPE, text=True)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5).close()
                return
            time.sleep(0.05)
        pytest.fail("the server did not start")

    def stop(self, how: signal.Signals) -> str:
        os.kill(self.process.pid, how)
        _, errors = self.process.communicate(timeout=30)
        for connection in self.connections:
            # without this the connector would try it at the end of the tests
            connection.close(retry=False)
        return errors

    def connect(self) -> snowflake.connector.SnowflakeConnection:
        self.connections.append(open_connection(self, database="D", schema="S"))  # type: ignore[arg-type]
        return self.connections[-1]


def test_a_killed_server_loses_no_committed_transaction(tmp_path):
    password_file = tmp_path / "password"
    password_file.write_text(f"{PASSWORD}\n")
    root = tmp_path / "root"

    server = Server(root, password_file)
    run = runner(server.connect())
    run("CREATE TABLE T (N INTEGER)")
    run("BEGIN")
    run("INSERT INTO T VALUES (1)")
    run("COMMIT")
    run("BEGIN")
    run("INSERT INTO T VALUES (2)")
    second = subprocess.run(
        [*server.command[:6], "0", *server.command[7:]],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 2
    assert "another server is using" in second.stderr
    same_port = subprocess.run(server.command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert same_port.returncode == 2
    assert len(same_port.stderr.splitlines()) == 1
    assert str(server.port) in same_port.stderr
    server.stop(signal.SIGKILL)

    server = Server(root, password_file)
    run = runner(server.connect())
    assert run("SELECT N FROM T") == [(1,)]
    run("BEGIN")
    run("INSERT INTO T VALUES (3)")
    log = server.stop(signal.SIGTERM)
    assert PASSWORD not in log
    assert not list((root / "databases").glob("*.wal")), "everything is in the database file"

    with running_server(root, user=USER, password=PASSWORD) as again, open_session(again) as run:
        assert run("SELECT N FROM T") == [(1,)], "what was open at the end was rolled back"
