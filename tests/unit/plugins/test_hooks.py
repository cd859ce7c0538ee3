"""The way to the warehouse, through Airflow's connection."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from driftgate.hooks import WarehouseHook
from include.config import PipelineConfig
from include.errors import ConfigError, WarehouseError, WarehouseUnavailableError
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]


def with_connection(monkeypatch: pytest.MonkeyPatch, connection: str, **changes: Any) -> None:
    changed = json.loads(connection)
    extra = changed["extra"] | changes.pop("extra", {})
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(changed | changes | {"extra": extra}))


def open_and_close(config: PipelineConfig) -> None:
    with WarehouseHook.for_pipeline(config).session():
        pass


def test_a_session_is_in_the_pipelines_schema_and_in_utc(query: Query, config: PipelineConfig) -> None:
    assert query("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()") == [("TESTS", config.schema_name)]
    assert query("SELECT ABS(DATEDIFF('second', SYSDATE(), CURRENT_TIMESTAMP()::TIMESTAMP_NTZ)) < 60") == [(True,)]


def test_a_wrong_password_is_told_at_once(
    embedded_warehouse: str, monkeypatch: pytest.MonkeyPatch, config: PipelineConfig
) -> None:
    with_connection(monkeypatch, embedded_warehouse, password="wrong")

    with pytest.raises(WarehouseError, match=r"connection 'warehouse': .*Incorrect username or password"):
        open_and_close(config)


def test_a_missing_connection_is_named(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE", raising=False)

    with pytest.raises(ConfigError, match=r"no connection 'warehouse'.*AIRFLOW_CONN_WAREHOUSE"):
        open_and_close(config)


@pytest.mark.slow
def test_a_warehouse_that_is_down_is_told_after_a_bounded_time(
    embedded_warehouse: str, monkeypatch: pytest.MonkeyPatch, config: PipelineConfig, unused_port: int
) -> None:
    with_connection(monkeypatch, embedded_warehouse, extra={"port": unused_port})
    monkeypatch.setattr("driftgate.hooks.LOGIN_TIMEOUT_S", 2)

    with pytest.raises(WarehouseUnavailableError, match="connection 'warehouse'"):
        open_and_close(config)


def test_a_pipeline_that_was_not_set_up_is_told_so(
    open_session: Callable[[], Warehouse], config: PipelineConfig
) -> None:
    with pytest.raises(WarehouseError, match=r"is the pipeline set up\? ./driftgate setup"):
        open_session().run("runs/close_run", run_id="r", outcome="o")
