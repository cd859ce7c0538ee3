"""An Airflow of its own for the DAG tests: a live scheduler would take their tasks. And a pipeline to run in it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiosmtpd.controller import Controller
from dag_runs import Mailbox

from include.config import PipelineConfig
from include.config_parts import NotifyConfig
from include.registry.ledger import append_event, champion_event_seq
from include.warehouse.session import Warehouse

ROOT = Path(__file__).parents[2]
COLOURS = {"blue": (0, 0, 1), "green": (0, 1, 0), "red": (1, 0, 0)}

PutImage = Callable[..., Path]
Run = Callable[..., Any]


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's metadata database, migrated, in a home of its own; set before anything imports Airflow."""
    home = Path(os.environ["AIRFLOW_HOME"])
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, env=os.environ.copy()
    )
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager().sync_bundles_to_db()
    return home


@pytest.fixture
def pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the pipeline files."""
    folder = tmp_path / "pipelines"
    folder.mkdir()
    monkeypatch.setenv("DRIFTGATE_PIPELINES", str(folder))
    return folder


@pytest.fixture
def write_pipeline(pipelines: Path) -> Callable[[PipelineConfig], Path]:
    def write(config: PipelineConfig) -> Path:
        path = pipelines / f"{config.name}.yaml"
        path.write_text(yaml.safe_dump(config.model_dump(mode="json", by_alias=True)), encoding="utf-8")
        return path

    return write


@pytest.fixture
def load_dags(airflow_home: Path, pipelines: Path) -> Callable[[], Any]:
    """A function that reads dags/ as the DAG processor does."""

    def load() -> Any:
        from airflow.dag_processing.dagbag import DagBag

        return DagBag(ROOT / "dags")

    return load


@pytest.fixture
def mail_port(unused_port: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """The port to which Airflow's SMTP connection leads. Nobody listens there without the fixture `mailbox`."""
    extra = {"from_email": "driftgate@example.com", "disable_ssl": True, "disable_tls": True, "retry_limit": 0}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": unused_port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    return unused_port


@pytest.fixture
def mailbox(mail_port: int) -> Iterator[Mailbox]:
    """The mails that came in, in order."""
    mails: Mailbox = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802
            mails.append(message_from_bytes(envelope.content, policy=policy.default))
            return "250 OK"

    controller = Controller(Handler(), hostname="127.0.0.1", port=mail_port, server_hostname="localhost")
    controller.start()
    yield mails
    controller.stop()


@pytest.fixture
def pictures(put_image: PutImage) -> None:
    """Three classes that differ in colour, 20 images each, and nine new images."""
    for label, (red, green, blue) in COLOURS.items():
        for i in range(20):
            shade = 120 + 6 * i
            put_image(f"{label}/{i}.png", colour=(red * shade, green * shade, blue * shade))
        for i in range(3):
            shade = 123 + 30 * i
            put_image(f"{label} {i}.png", colour=(red * shade, green * shade, blue * shade), stage="new")


@pytest.fixture
def add_champions(warehouse: Warehouse, config: PipelineConfig) -> Callable[[int], None]:
    """A function that promotes versions one after the other: rows of the ledger, without models."""

    def append(version: int) -> None:
        warehouse.run(
            "registry/insert_version",
            snapshot_id="snapshot",
            config=config.to_json(),
            metrics='{"accuracy": 0.9}',
            n_training_images=7,
            artifact_path=f"{version}/",
            sha256=f"sha of {version}",
            temperature=1.0,
            run_id=f"training {version}",
        )
        append_event(warehouse, "PROMOTED", version=version, run_id=f"training {version}", reason=None)

    def add(n: int) -> None:
        for version in range(1, n + 1):
            warehouse.alone(lambda version=version: append(version))  # type: ignore[misc]

    return add


@pytest.fixture
def add_check(warehouse: Warehouse) -> Callable[..., str]:
    """A function that stores a drift check of today's champion, by default one that asks for retraining; its id."""

    def add(
        *reasons: str,
        check_id: str = "0123456789abcdef",
        run_id: str = "test_inference/manual__1",
        version: int = 1,
        verdict: str = "DATA_DRIFT",
        action: str = "REQUEST_RETRAINING",
    ) -> str:
        measured = {"distance": 0.41, "p_value": 0.001, "n_images": 200, "n_baseline": 90}
        warehouse.run(
            "drift/insert_check",
            check_id=check_id,
            run_id=run_id,
            version=version,
            champion_event_seq=champion_event_seq(warehouse),
            first_commit_seq=11,
            last_commit_seq=210,
            n_images=200,
            statistics=json.dumps({"confidences": measured, "n_new_labels": 60}),
            thresholds=json.dumps({"confidences": 0.18, "min_new_labels": 50}),
            verdict=verdict,
            action=action,
            reasons=json.dumps(reasons or ("the confidences have moved",)),
            report_path="reports/report.html",
        )
        return check_id

    return add


@pytest.fixture
def lose_warehouse(monkeypatch: pytest.MonkeyPatch, embedded_warehouse: str, unused_port: int) -> Callable[[], None]:
    """A function after which nobody answers where Airflow's connection to the warehouse leads."""

    def lose() -> None:
        connection = json.loads(embedded_warehouse)
        connection["extra"]["port"] = unused_port
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
        monkeypatch.setattr("driftgate.hooks.LOGIN_TIMEOUT_S", 1)

    return lose


@pytest.fixture
def run(
    warehouse: Warehouse,
    config: PipelineConfig,
    mail_port: int,
    write_pipeline: Callable[[PipelineConfig], Path],
    load_dags: Callable[[], Any],
) -> Run:
    """A function that runs a DAG of the pipeline to its end, as if it had been asked for at some time; returns the run.

    Mails are sent to one person; without the fixture `mailbox` the server is down.
    """
    longer = config.training.model_copy(update={"n_epochs": 12})
    two_batches = config.inference.model_copy(update={"batch_size": 5, "max_tasks": 2})
    somebody = NotifyConfig(emails=("oncall@example.com",))
    write_pipeline(config.model_copy(update={"training": longer, "inference": two_batches, "notify": somebody}))
    dags = load_dags()
    assert dags.import_errors == {}

    def to_its_end(kind: str, *, asked_at: datetime | None = None, **params: Any) -> Any:
        from airflow.dag_processing.dagbag import sync_bag_to_db

        sync_bag_to_db(dags, "dags-folder", None)
        dag = dags.dags[f"{config.name}_{kind}"]
        for task in dag.tasks:
            task.retries = 0
        return dag.test(run_after=asked_at, run_conf=params)

    return to_its_end
