"""Statements by name, values by name, rows by type, and transactions that are alone."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from driftgate import hooks
from driftgate.hooks import WarehouseHook
from include.config import PipelineConfig
from include.errors import LockNotAcquiredError, WarehouseError, WarehouseUnavailableError
from include.warehouse import session as session_module
from include.warehouse.embedded.server import running_server
from include.warehouse.session import Warehouse, read_statement
from include.warehouse.setup import run_setup

Query = Callable[..., list[tuple[Any, ...]]]


class Outcome(NamedTuple):
    outcome: str


class Run(NamedTuple):
    run_id: str
    kind: str
    config: str
    config_digest: str
    reason: str | None
    check_id: str | None
    outcome: str | None


def open_run(warehouse: Warehouse, run_id: str, reason: str | None = None) -> int:
    return warehouse.run(
        "runs/open_run",
        run_id=run_id,
        dag_id="d",
        kind="training",
        config="{}",
        config_digest="c",
        reason=reason,
        check_id=None,
    )


@pytest.mark.parametrize(
    "hostile", ["it's", "'; DROP TABLE RUNS; --", "100 %", "%(run_id)s", "{stage}", "a\nb\\n", "日本"]
)
def test_a_value_is_bound_whatever_it_holds(warehouse: Warehouse, query: Query, hostile: str) -> None:
    open_run(warehouse, hostile, reason=hostile)

    assert query("SELECT RUN_ID, REASON FROM RUNS") == [(hostile, hostile)]
    opened = Run(hostile, "training", "{}", "c", hostile, check_id=None, outcome=None)
    assert warehouse.fetch_one("runs/select_run", Run, run_id=hostile) == opened


def test_a_missing_value_is_named(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"runs/select_run.sql needs a value for run_id"):
        warehouse.fetch("runs/select_run", Run)


def test_columns_that_are_not_the_fields_are_refused(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"has the columns run_id, kind, config.* Outcome the fields outcome"):
        warehouse.fetch("runs/select_run", Outcome, run_id="r")


def test_an_unknown_statement_is_named() -> None:
    with pytest.raises(WarehouseError, match=r"no statement include/sql/runs/nonsense.sql"):
        read_statement("runs/nonsense")


def test_nothing_is_kept_of_a_transaction_that_fails(warehouse: Warehouse, query: Query) -> None:
    def fail() -> None:
        open_run(warehouse, "run")
        raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        warehouse.alone(fail)

    assert query("SELECT COUNT(*) FROM RUNS") == [(0,)]
    assert warehouse.alone(lambda: open_run(warehouse, "run")) == 1


def test_transactions_at_once_come_one_after_the_other(
    open_session: Callable[[], Warehouse], warehouse: Warehouse, query: Query
) -> None:
    """Each reads the last number and appends the next: two that overlapped would append the same one."""

    def append(session: Warehouse) -> None:
        for _ in range(5):
            session.alone(
                lambda: session.run(
                    "registry/insert_event",
                    event="REGISTERED",
                    version=1,
                    from_version=None,
                    actor="me",
                    reason=None,
                    run_id="r",
                    request_id=None,
                )
            )

    threads = [threading.Thread(target=append, args=(open_session(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert query("SELECT EVENT_SEQ FROM MODEL_EVENTS ORDER BY 1") == [(i,) for i in range(1, 21)]


def test_a_lock_that_is_not_given_back_is_told(
    open_session: Callable[[], Warehouse], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "LOCK_PATIENCE_S", 0.5)
    other = open_session()
    other.run("lock/begin")
    other.run("lock/take_lock")

    with pytest.raises(LockNotAcquiredError, match="held the lock of this pipeline"):
        warehouse.alone(lambda: open_run(warehouse, "run"))

    other.run("lock/roll_back")
    assert warehouse.alone(lambda: open_run(warehouse, "run")) == 1


# The connector's own thread tries to abort the statement, on a warehouse that is not there.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.slow
def test_a_warehouse_that_goes_away_is_asked_again_a_few_times_and_then_told(
    tmp_path: Path, config: PipelineConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hooks, "NETWORK_TIMEOUT_S", 1)
    with ExitStack() as until_the_end:
        with served(tmp_path, monkeypatch):
            session = until_the_end.enter_context(WarehouseHook.for_pipeline(config).session())
            run_setup(session, config)

        with pytest.raises(WarehouseUnavailableError) as told, caplog.at_level("WARNING", "include.warehouse.session"):
            session.fetch("runs/select_run", Run, run_id="r")

    assert told.value.is_transient
    assert "runs/select_run.sql" in str(told.value)
    tries = [record for record in caplog.records if record.name == "include.warehouse.session"]
    assert len(tries) == session_module.MAX_READ_TRIES - 1


def test_a_session_that_a_restart_has_ended_is_worth_another_try(
    tmp_path: Path, config: PipelineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as until_the_end:
        with served(tmp_path, monkeypatch) as port:
            session = until_the_end.enter_context(WarehouseHook.for_pipeline(config).session())
            run_setup(session, config)

        with served(tmp_path, monkeypatch, port=port):
            with pytest.raises(WarehouseUnavailableError) as told:
                session.run("runs/close_run", run_id="r", outcome="o")
            with WarehouseHook.for_pipeline(config).session() as another:
                assert another.fetch("runs/select_run", Run, run_id="r") == []

    assert told.value.is_transient


@contextmanager
def served(root: Path, monkeypatch: pytest.MonkeyPatch, *, port: int = 0) -> Iterator[int]:
    """A warehouse of the test's own, to which Airflow's connection leads; it gives its port."""
    with running_server(root / "warehouse", user="u", password="p", port=port) as server:
        extra = {"account": "embedded", "host": server.host, "port": server.port, "protocol": "http"}
        connection = {"conn_type": "snowflake", "login": "u", "password": "p", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
        yield server.port


class Stream(NamedTuple):
    name: str
    stale: str


class StreamOfAnotherRelease(NamedTuple):
    name: str
    colour: str


def test_what_is_shown_is_read_by_the_names_of_its_columns(warehouse: Warehouse) -> None:
    shown = warehouse.show("stages/show_streams", Stream)

    assert shown == [Stream("INCOMING_IMAGES_CHANGES", "false"), Stream("TRAINING_IMAGES_CHANGES", "false")]
    with pytest.raises(WarehouseError, match=r"show_streams\.sql does not show colour"):
        warehouse.show("stages/show_streams", StreamOfAnotherRelease)
