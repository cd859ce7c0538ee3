"""What a wrong connection is told: what is wrong, and what mends it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from snowflake.connector.errors import ProgrammingError

from driftgate.hooks import WarehouseHook
from include.config import PipelineConfig
from include.errors import AccessDeniedError, ConfigError, WarehouseError, WarehouseUnavailableError
from include.warehouse.session import Warehouse, translated

Query = Callable[..., list[tuple[Any, ...]]]


@contextmanager
def account_that_answers(status: int, body: dict[str, Any] | None) -> Iterator[int]:
    """Run a server that answers each login so, and yield its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = json.dumps({"data": {}, **(body or {})}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def connect(
    monkeypatch: pytest.MonkeyPatch,
    config: PipelineConfig,
    connection: str,
    *,
    password: str | None = None,
    **extra: Any,
) -> None:
    changed = json.loads(connection)
    changed["extra"] |= extra
    if "private_key_file" in extra or "private_key_content" in extra:
        changed["password"] = password
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(changed))
    with WarehouseHook.for_pipeline(config).session():
        pass


def write_key(folder: Path, password: bytes | None = None) -> Path:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = folder / "key.p8"
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return file


def test_a_role_that_is_not_there_is_told(
    embedded_warehouse: str, monkeypatch: pytest.MonkeyPatch, config: PipelineConfig
) -> None:
    with pytest.raises(AccessDeniedError, match=r"Role 'NO_SUCH_ROLE'.*GRANT ROLE … TO USER"):
        connect(monkeypatch, config, embedded_warehouse, role="NO_SUCH_ROLE")


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, None, "there is no such account"),
        (403, None, "there is no such account"),
        (200, {"success": False, "code": "390144", "message": "JWT token is invalid."}, "RSA_PUBLIC_KEY_FP"),
        (200, {"success": False, "code": "390422", "message": "IP 1.2.3.4 is not allowed."}, "network policy"),
    ],
)
def test_a_login_that_snowflake_refuses_is_told_with_what_mends_it(
    embedded_warehouse: str,
    monkeypatch: pytest.MonkeyPatch,
    config: PipelineConfig,
    status: int,
    body: dict[str, Any] | None,
    told: str,
) -> None:
    monkeypatch.setattr("driftgate.hooks.LOGIN_TIMEOUT_S", 2)
    with account_that_answers(status, body) as port, pytest.raises(WarehouseError, match=told) as refused:
        connect(monkeypatch, config, embedded_warehouse, port=port)

    assert not isinstance(refused.value, WarehouseUnavailableError), "trying again does not help"


def test_a_key_file_that_is_not_there_is_told(
    embedded_warehouse: str, monkeypatch: pytest.MonkeyPatch, config: PipelineConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"connection 'warehouse': .*private_key_file names a PEM file"):
        connect(monkeypatch, config, embedded_warehouse, private_key_file=str(tmp_path / "none.p8"))


def test_an_encrypted_key_without_its_passphrase_is_told(
    embedded_warehouse: str, monkeypatch: pytest.MonkeyPatch, config: PipelineConfig, tmp_path: Path
) -> None:
    key = write_key(tmp_path, b"secret")

    with pytest.raises(ConfigError, match="the passphrase of an encrypted key is the connection's password") as told:
        connect(monkeypatch, config, embedded_warehouse, private_key_file=str(key))
    assert "BEGIN" not in str(told.value)


def test_a_suspended_virtual_warehouse_is_told(
    warehouse: Warehouse, open_session: Callable[[], Warehouse], config: PipelineConfig, query: Query
) -> None:
    compute = f"SUSPENDED_{config.schema_name}"
    query(f"CREATE WAREHOUSE {compute} AUTO_RESUME = FALSE INITIALLY_SUSPENDED = TRUE")
    query(f"USE WAREHOUSE {compute}")

    with pytest.raises(WarehouseError, match=r"No active warehouse selected.*SET AUTO_RESUME = TRUE.*--part account"):
        warehouse.run("runs/close_run", run_id="r", outcome="o")

    query(f"ALTER WAREHOUSE {compute} RESUME")
    assert warehouse.run("runs/close_run", run_id="r", outcome="o") == 0


def test_a_privilege_that_was_revoked_in_mid_run_is_told() -> None:
    refused = ProgrammingError("SQL access control error: Insufficient privileges on table 'IMAGES'", errno=3001)

    error = translated("include/sql/catalog/merge_images.sql", refused)

    assert isinstance(error, AccessDeniedError)
    assert not error.is_transient
    assert "merge_images.sql" in str(error)
    assert "./driftgate doctor NAME" in str(error)
