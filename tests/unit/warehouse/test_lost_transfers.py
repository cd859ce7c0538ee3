"""A file that cannot be moved into a stage or out of it, as its signed URL is refused."""

import json
import traceback

import pytest

from driftgate.hooks import WarehouseHook
from include.errors import AccessDeniedError, WarehouseUnavailableError
from include.warehouse.identifiers import WORK_STAGE, stage_location
from tests.warehouse_proxy import Fault, running_proxy

LOCATION = {"location": stage_location(WORK_STAGE, "some/")}


@pytest.fixture
def proxied(embedded_server, embedded_warehouse, warehouse, config, monkeypatch):
    """A session through a proxy, and the proxy."""
    with running_proxy(embedded_server) as (proxy, port):
        connection = json.loads(embedded_warehouse)
        connection["extra"]["port"] = port
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
        with WarehouseHook.for_pipeline(config).session() as session:
            yield session, proxy


@pytest.fixture
def file_url(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    return f"file://{tmp_path}/file"


def test_the_error_says_what_and_where_and_not_the_signature(proxied, file_url, query):
    session, proxy = proxied
    proxy.choose_fault = lambda asked: Fault.BAD_REQUEST if asked.is_transfer else None

    with pytest.raises(WarehouseUnavailableError, match=r"stages/put_file.sql: .*/stage/TESTS/") as lost:
        session.run("stages/put_file", file_url=file_url, identifiers=LOCATION)

    shown = "".join(traceback.format_exception(lost.value))
    assert "signature=" not in shown
    assert "expires=" not in shown
    assert query(f"LIST {LOCATION['location']}") == []


def test_once_the_url_is_accepted_the_file_arrives(proxied, file_url, query):
    session, proxy = proxied
    refusals = iter([Fault.UNAVAILABLE, Fault.CUT_AFTER])
    proxy.choose_fault = lambda asked: next(refusals, None) if asked.is_transfer else None

    session.run("stages/put_file", file_url=file_url, identifiers=LOCATION)

    assert [size for _, size, *_ in query(f"LIST {LOCATION['location']}")] == [7]


def test_a_privilege_that_is_missing_is_named_with_the_mend(proxied):
    session, proxy = proxied
    proxy.choose_fault = lambda asked: Fault.NOT_PERMITTED if asked.sql else None

    with pytest.raises(AccessDeniedError, match=r"Insufficient privileges .*\n?.*\./driftgate doctor NAME") as refused:
        session.run("runs/close_run", run_id="r", outcome="o")

    assert not refused.value.is_transient
