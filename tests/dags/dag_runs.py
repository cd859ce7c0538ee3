"""How the tests run a DAG, what they ask of the run when it has ended, and how they answer one that waits."""

from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.config import PipelineConfig

Mailbox = list[EmailMessage]
PutImage = Callable[..., Path]

ROOT = Path(__file__).parents[2]
DELIVERIES = {
    *("deliver_request", "deliver_answer", "deliver_request_promotion", "deliver_answer_promotion", "deliver_alerts"),
}
COLOURS = {"blue": (0, 0, 1), "green": (0, 1, 0), "red": (1, 0, 0)}


def put_pictures(put_image: PutImage) -> None:
    """Put images of three classes that differ in colour, 20 of each, and nine new ones."""
    for label, (red, green, blue) in COLOURS.items():
        for i in range(20):
            shade = 120 + 6 * i
            put_image(f"{label}/{i}.png", colour=(red * shade, green * shade, blue * shade))
        for i in range(3):
            shade = 123 + 30 * i
            put_image(f"{label} {i}.png", colour=(red * shade, green * shade, blue * shade), stage="new")


def as_run(config: PipelineConfig) -> PipelineConfig:
    """Return a pipeline as the tests run it: two batches, and epochs enough to learn three colours."""
    return config.model_copy(
        update={
            "training": config.training.model_copy(update={"n_epochs": 12}),
            "inference": config.inference.model_copy(update={"batch_size": 5, "max_tasks": 2}),
        }
    )


def write_pipeline_file(folder: Path, config: PipelineConfig) -> Path:
    """Write a pipeline's file."""
    path = folder / f"{config.name}.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json", by_alias=True)), encoding="utf-8")
    return path


def read_dags() -> Any:
    """Read dags/ as the DAG processor does."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(ROOT / "dags")


def run_to_its_end(dags: Any, dag_id: str, *, asked_at: datetime | None = None, **params: Any) -> Any:
    """Run a DAG to its end, as if it had been asked for at some time; return the run."""
    assert dags.import_errors == {}
    dag = dags.dags[dag_id]
    for task in dag.tasks:
        task.retries = 0
    return dag.test(run_after=asked_at, run_conf=params)


def unpause(dags: Any, dag_id: str) -> None:
    """Let Airflow know the DAGs, and let one of them run."""
    from airflow.dag_processing.dagbag import sync_bag_to_db
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    sync_bag_to_db(dags, "dags-folder", None)
    with create_session() as session:
        session.get_one(DagModel, dag_id).is_paused = False


def states(dag_run: Any) -> dict[str, str]:
    """Return the state of each task; of a mapped one, its states in order."""
    found: dict[str, list[str]] = {}
    for ti in sorted(dag_run.get_task_instances(), key=lambda ti: ti.map_index):
        found.setdefault(ti.task_id, []).append(str(ti.state))
    return {task: " ".join(of_task) for task, of_task in found.items()}


def ran(dag_run: Any) -> set[str]:
    """Return the tasks that succeeded or failed, but for those that deliver what is told, whatever happened."""
    return {
        task
        for task, state in states(dag_run).items()
        if state not in {"skipped", "upstream_failed"} and task not in DELIVERIES
    }


def kinds(mailbox: Mailbox) -> list[str]:
    """Return the kind of each mail."""
    return [mail["X-Driftgate-Kind"] for mail in mailbox]


def text(mail: EmailMessage) -> str:
    """Return a mail's plain text in one line."""
    body = mail.get_body(("plain",))
    return " ".join(body.get_content().split()) if body else ""


def while_parked(monkeypatch: pytest.MonkeyPatch, act: Callable[[Any], None]) -> None:
    """Let something happen whenever `dag.test()` finds that it waits for a person, which it says before it sleeps.

    Another thread would not do: an answer between the parking of a task and the moment in which `dag.test()` has seen
    it is overwritten there.

    Args:
        monkeypatch: Undoes it.
        act: Gets the task instance that waits.
    """
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk.definitions import dag
    from airflow.utils.session import create_session
    from sqlalchemy import select

    say = dag.log.info

    def say_and_act(message: str, *arguments: Any) -> None:
        say(message, *arguments)
        if message.startswith("Waiting for Human-in-the-loop"):
            with create_session() as session:
                parked = session.scalars(select(TaskInstance).where(TaskInstance.state == "awaiting_input")).all()
            for ti in parked:
                act(ti)

    monkeypatch.setattr(dag.log, "info", say_and_act)


def answer(ti: Any, option: str, *, user: str) -> None:
    """Answer as the API does for a user who is logged in: through the function of its route."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.utils.session import create_session

    with create_session() as session:
        update_hitl_detail(
            ti.dag_id,
            ti.run_id,
            ti.task_id,
            UpdateHITLDetailPayload(chosen_options=[option]),
            SimpleAuthManagerUser(username=user, role="admin"),
            session,
        )


def sweep_timeouts() -> None:
    """Do what the scheduler does, every few seconds, with requests that were not answered in time."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    SchedulerJobRunner(Job()).check_awaiting_input_timeouts()


def page(ti: Any) -> Any:
    """Return what the page shows on which a request is answered."""
    from airflow.models.hitl import HITLDetail
    from airflow.utils.session import create_session

    with create_session() as session:
        detail = session.get(HITLDetail, ti.id)
        session.expunge_all()
    assert detail is not None
    return detail
