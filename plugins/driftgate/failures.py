"""What has failed in a run, and how it is told: by the task at its end."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from include.config import PipelineConfig
from include.errors import DriftgateError

if TYPE_CHECKING:  # the connector, which a DAG that is only read does not need
    from include.registry.alerts import AlertKind
    from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

CALLBACK_PATIENCE_S = 8.0
"""How long a callback lets the warehouse take to store a failure before people are told directly.

A callback has 20 s (`[core] task_success_overtime`), and to find a warehouse down, or its lock held by a task that was
killed, takes longer.
"""
TELLERS = frozenset({"announce", "report_failures"})
"""The tasks that tell of failures, and fail themselves so that the run does."""

DELIVERY = "DeliverAlertsOperator"
"""The operator of the tasks that deliver what is told."""

TOLD = "told"
"""The XCom of a task that has told people itself why it stops the run: in a sentence, for RUNS."""


def failed_tasks(context: Context) -> tuple[str, ...]:
    """Return the tasks of the run that have failed by now, as Airflow's UI names them.

    Left out are those that tell it, and those that deliver what is told: they never make a run fail.
    """
    dag = context["dag"]
    states: dict[str, dict[str, str]] = context["ti"].get_task_states(dag_id=dag.dag_id, run_ids=[context["run_id"]])
    failed = {task for of_run in states.values() for task, state in of_run.items() if state == "failed"}
    failed -= TELLERS | {task.task_id for task in dag.tasks if task.task_type == DELIVERY}
    return tuple(sorted(_named(task, dag.task_ids) for task in failed))


def failed_sentence(context: Context, failed: tuple[str, ...]) -> str:
    """Return why the run has failed, as RUNS tells it: what a task has told itself, then which tasks failed."""
    return "; ".join([*_told(context, failed).values(), f"failed: {', '.join(failed)}"])


def tell_failure(
    config: PipelineConfig,
    context: Context,
    failed: tuple[str, ...],
    *,
    outcome: str,
    patience_s: float | None = CALLBACK_PATIENCE_S,
) -> None:
    """Close the run in RUNS and tell people. It is what the run failed of that may keep us from either.

    It goes through the outbox; if the warehouse does not take it, directly. A task that has told itself why it failed
    is not told of again.

    Args:
        config: The pipeline file: it says who is told directly, as the run's own config lies in the warehouse.
        context: Of the task that tells it.
        failed: The tasks that failed.
        outcome: How the run ended, in a sentence.
        patience_s: How long the warehouse may take; None: as long as it does, for a task.
    """
    told = _told(context, failed)
    untold = [task for task in failed if task not in told]
    is_told = bool(failed) and not untold
    is_stored = _stored(config, context, None if is_told else untold, outcome=outcome, patience_s=patience_s)
    if not is_stored and not is_told:
        _tell_directly(config, context, untold)


def close_and_tell(
    warehouse: Warehouse, context: Context, kind: AlertKind, *, about: dict[str, Any], outcome: str
) -> None:
    """Close the run in RUNS and put an alert of its failure into the outbox, in one transaction.

    Args:
        warehouse: A session, not in a transaction.
        context: Of the task that tells it.
        kind: What is told.
        about: What it is about. A run that is cleared may fail of the same again, and that is told again.
        outcome: How the run ended, in a sentence.
    """
    from include.catalog.runs import run_id_of, write_outcome
    from include.registry.alerts import enqueue

    run_id = run_id_of(context["dag"].dag_id, str(context["run_id"]))
    about = {**about, "n_clears": getattr(context.get("dag_run"), "clear_number", None) or 0}

    def close() -> None:
        write_outcome(warehouse, run_id=run_id, outcome=outcome)
        enqueue(warehouse, kind, run_id=run_id, about=about)

    warehouse.alone(close)


def _stored(
    config: PipelineConfig, context: Context, untold: list[str] | None, *, outcome: str, patience_s: float | None
) -> bool:
    """Close the run, and put the failure of tasks into the outbox unless it is None; return whether that was done.

    It is done in a thread that is left to itself after our patience.
    """
    done: list[bool] = []

    def store() -> None:
        from driftgate.hooks import WarehouseHook
        from include.catalog.runs import close_run, run_id_of

        run_id = run_id_of(context["dag"].dag_id, str(context["run_id"]))
        try:
            with WarehouseHook.for_task(config, context).session() as warehouse:
                if untold is None:
                    close_run(warehouse, run_id=run_id, outcome=outcome)
                else:
                    close_and_tell(warehouse, context, "failed", about={"tasks": untold}, outcome=outcome)
        except DriftgateError as error:
            log.warning("RUNS does not tell how this run ended: %s", error)
        else:
            done.append(True)

    thread = threading.Thread(target=store, name="driftgate-failure", daemon=True)
    thread.start()
    thread.join(patience_s)
    return bool(done)


def _tell_directly(config: PipelineConfig, context: Context, untold: list[str]) -> None:
    """Tell of the failure without the outbox, once, and if that fails, not again."""
    from driftgate.links import base_url
    from driftgate.mailing import send
    from include.notify.channels import send_to_urls
    from include.notify.failure_messages import failed as failed_message
    from include.notify.links import run_link
    from include.notify.mail import compose

    dag_id, run_id = context["dag"].dag_id, str(context["run_id"])
    links = [("The run", run_link(base_url(), f"{dag_id}/{run_id}"))]
    mail = compose(failed_message(config.name, dag_id=dag_id, run_id=run_id, tasks=untold, links=links))
    send(config, mail)
    send_to_urls(config.notify.urls, mail)


def _told(context: Context, failed: tuple[str, ...]) -> dict[str, str]:
    """Return what failed tasks have told themselves."""
    ti, task_ids = context["ti"], context["dag"].task_ids
    told = {task: ti.xcom_pull(task_ids=task, key=TOLD) for task in failed if task in task_ids}
    return {task: sentence for task, sentence in told.items() if sentence}


def _named(task: str, task_ids: list[str]) -> str:
    """Return a mapped task as Airflow's UI names it: preprocess[0], where the states say preprocess_0."""
    task_id, _, map_index = task.rpartition("_")
    return f"{task_id}[{map_index}]" if task not in task_ids and map_index.isdigit() else task
