"""An Airflow of its own for the DAG tests: a live scheduler would take their tasks. And a pipeline to run in it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from email import message_from_bytes, policy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from dag_runs import (
    Mailbox,
    PutImage,
    as_run,
    put_pictures,
    read_dags,
    run_to_its_end,
    write_pipeline_file,
)
from schema_template import SchemaTemplate
from stage_pictures import put_picture
from trained_pipeline import TrainedPipeline

from include.config import PipelineConfig
from include.config_parts import NotifyConfig
from include.models.compute import Compute
from include.registry.ledger import champion_event_seq
from include.warehouse.embedded.server import RunningServer
from include.warehouse.session import Warehouse

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
    return partial(write_pipeline_file, pipelines)


@pytest.fixture
def load_dags(airflow_home: Path, pipelines: Path) -> Callable[[], Any]:
    """A function that reads dags/ as the DAG processor does."""

    return read_dags


@pytest.fixture
def mail_port(unused_port: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """The port to which Airflow's SMTP connection leads. Nobody listens there without the fixture `mailbox`."""
    extra = {"from_email": "driftgate@example.com", "disable_ssl": True, "disable_tls": True, "retry_limit": 0}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": unused_port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    return unused_port


@pytest.fixture
def open_mailbox(mail_port: int) -> Iterator[Callable[[], Mailbox]]:
    """A function that starts the mail server; it returns the mails that come in, in order."""
    with ExitStack() as stack:

        def start() -> Mailbox:
            mails: Mailbox = []

            class Handler:
                async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802
                    mails.append(message_from_bytes(envelope.content, policy=policy.default))
                    return "250 OK"

            controller = Controller(Handler(), hostname="127.0.0.1", port=mail_port, server_hostname="localhost")
            controller.start()
            stack.callback(controller.stop)
            return mails

        yield start


@pytest.fixture
def mailbox(open_mailbox: Callable[[], Mailbox]) -> Mailbox:
    """The mails that came in, in order."""
    return open_mailbox()


@pytest.fixture
def pictures(put_image: PutImage) -> None:
    """Three classes that differ in colour, 20 images each, and nine new images."""
    put_pictures(put_image)


@pytest.fixture(scope="session")
def trained_pipeline(
    airflow_home: Path,
    embedded_server: RunningServer,
    schema_template: SchemaTemplate,
    new_config: Callable[[Path], PipelineConfig],
    tmp_path_factory: pytest.TempPathFactory,
) -> TrainedPipeline:
    """A pipeline whose training DAG has run once on `pictures`, which nothing changes any more.

    Its weights are the same each time: how training computes is otherwise chosen by timing, which a busy machine tips.
    """
    folder = tmp_path_factory.mktemp("trained")
    config = new_config(folder)
    schema_template.copy_to(config)
    put_pictures(partial(put_picture, folder))
    with pytest.MonkeyPatch.context() as patched:
        (folder / "pipelines").mkdir()
        patched.setenv("DRIFTGATE_PIPELINES", str(folder / "pipelines"))
        patched.setattr("include.models.training.choose_compute", lambda *_, **__: Compute())
        write_pipeline_file(folder / "pipelines", as_run(config).model_copy(update={"notify": NotifyConfig()}))
        assert run_to_its_end(read_dags(), f"{config.name}_training").state == "success"
    return TrainedPipeline(embedded_server, config, folder)


@pytest.fixture
def trained_champion(
    trained_pipeline: TrainedPipeline, warehouse: Warehouse, config: PipelineConfig, tmp_path: Path
) -> None:
    """Version 1 is champion, trained on `pictures`: what a training run has left, without the time it takes."""
    trained_pipeline.copy_to(config, tmp_path)


@pytest.fixture
def add_champions(add_version: Callable[[int], None]) -> Callable[[int], None]:
    """A function that promotes versions one after the other: rows of the ledger, without models."""

    def add(n: int) -> None:
        for version in range(1, n + 1):
            add_version(version)

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
            signal=None,
            score=None,
            threshold=None,
            p_value=None,
            smallest_shift=None,
            estimated_accuracy=None,
            evidence=None,
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
    somebody = NotifyConfig(emails=("oncall@example.com",))
    write_pipeline(as_run(config).model_copy(update={"notify": somebody}))
    dags = load_dags()

    def to_its_end(kind: str, *, asked_at: datetime | None = None, **params: Any) -> Any:
        return run_to_its_end(dags, f"{config.name}_{kind}", asked_at=asked_at, **params)

    return to_its_end
