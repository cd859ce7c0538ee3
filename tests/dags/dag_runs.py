"""What the tests ask of a DAG run that has ended, and how they answer one that waits for a person."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest

Mailbox = list[EmailMessage]


def states(dag_run: Any) -> dict[str, str]:
    """Return the state of each task; of a mapped one, its states in order."""
    found: dict[str, list[str]] = {}
    for ti in sorted(dag_run.get_task_instances(), key=lambda ti: ti.map_index):
        found.setdefault(ti.task_id, []).append(str(ti.state))
    return {task: " ".join(of_task) for task, of_task in found.items()}


def ran(dag_run: Any) -> set[str]:
    """Return the tasks that succeeded or failed."""
    return {task for task, state in states(dag_run).items() if state not in {"skipped", "upstream_failed"}}


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
