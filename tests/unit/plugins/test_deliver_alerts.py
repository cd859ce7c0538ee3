"""The task that delivers: with a real mail server, and when there is no warehouse."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import DagRunTriggerException

from driftgate.operators.deliver_alerts import GRID_S, DeliverAlertsOperator, next_start
from include.config import PipelineConfig
from include.config_parts import NotifyConfig
from include.registry.alerts import enqueue
from include.warehouse.session import Warehouse


@pytest.fixture
def config(config: PipelineConfig) -> PipelineConfig:
    return config.model_copy(update={"notify": NotifyConfig(emails=("anna@example.com",))})


@pytest.fixture
def run(config: PipelineConfig) -> Callable[[], None]:
    ti = SimpleNamespace(
        task_id="deliver_alerts", map_index=-1, try_number=1, get_dag=lambda _: SimpleNamespace(is_paused=False)
    )
    context: Any = {"dag": SimpleNamespace(dag_id=f"{config.name}_inference"), "run_id": "hourly", "ti": ti}
    return lambda: DeliverAlertsOperator(task_id="deliver_alerts", config=config).execute(context)


@pytest.fixture
def fail_a_run(warehouse: Warehouse) -> None:
    warehouse.alone(lambda: enqueue(warehouse, "failed", run_id="a_training/r", about={"tasks": ["train"]}))


def test_what_is_due_arrives_and_nothing_follows(fail_a_run: None, run: Callable[[], None], mailbox: Any) -> None:
    run()
    run()

    [mail] = mailbox.mails()
    assert mail["X-Driftgate-Kind"] == "failed"


def test_however_often_a_server_is_down_one_run_is_asked_for(
    fail_a_run: None, run: Callable[[], None], config: PipelineConfig, connect_smtp: Any, unused_port: int
) -> None:
    connect_smtp(unused_port)
    asked = []

    for _ in range(3):
        with pytest.raises(DagRunTriggerException) as triggered:
            run()
        asked.append(triggered.value)

    assert {one.trigger_dag_id for one in asked} == {f"{config.name}_alerts"}
    assert all(one.skip_when_already_exists for one in asked)
    # on a border of the grid two runs may be asked for
    assert len({one.dag_run_id for one in asked}) <= 2
    wait = asked[0].run_after - datetime.now(UTC)
    assert timedelta(seconds=50) < wait < timedelta(seconds=70)


def test_without_a_warehouse_nothing_is_raised(
    run: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE", raising=False)

    run()


@pytest.mark.parametrize("seconds", [-400, -1, 0, 1, 59, 60, 129_600])
def test_the_next_run_comes_after_now_and_not_before_something_is_due(seconds: int) -> None:
    for microsecond in range(0, 1_000_000, 99_999):
        for second in range(60):
            now = datetime(2026, 1, 31, 10, 0, second, microsecond, tzinfo=UTC)

            start = next_start(now, seconds)

            assert start >= now + timedelta(seconds=max(seconds, 0) + 1)
            assert start < now + timedelta(seconds=max(seconds, 0) + 1 + GRID_S)
            assert start.timestamp() % GRID_S == 0
