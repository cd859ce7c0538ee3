"""What has failed in a run, and how it is told: by the task at its end."""

import logging

from airflow.sdk import Context

from include.config import PipelineConfig
from include.errors import DriftgateError

log = logging.getLogger(__name__)

TELLERS = frozenset({"announce", "report_failures"})
"""The tasks that tell of failures, and fail themselves so that the run does."""

TOLD = "told"
"""The XCom of a task that has told people itself why it stops the run: in a sentence, for RUNS."""


def failed_tasks(context: Context) -> tuple[str, ...]:
    """Return the tasks of the run that have failed by now, as Airflow's UI names them, but for those that tell it."""
    dag = context["dag"]
    states: dict[str, dict[str, str]] = context["ti"].get_task_states(dag_id=dag.dag_id, run_ids=[context["run_id"]])
    failed = {task for of_run in states.values() for task, state in of_run.items() if state == "failed"} - TELLERS
    return tuple(sorted(_named(task, dag.task_ids) for task in failed))


def failed_sentence(context: Context, failed: tuple[str, ...]) -> str:
    """Return why the run has failed, as RUNS tells it: what a task has told itself, then which tasks failed."""
    return "; ".join([*_told(context, failed).values(), f"failed: {', '.join(failed)}"])


def tell_failure(config: PipelineConfig, context: Context, failed: tuple[str, ...], *, outcome: str) -> None:
    """Send the mail and close the run in RUNS. It is what the run failed of that may keep us from either.

    There is no second mail of a task that has told itself why it failed.

    The mail comes first: a callback has 20 s (`[core] task_success_overtime`), and to find a warehouse down takes
    longer.

    Args:
        config: The pipeline file: it says who is told, as the run's own config lies in the warehouse.
        context: Of the task that tells it.
        failed: The tasks that failed.
        outcome: How the run ended, in a sentence.
    """
    from driftgate.links import run_link
    from driftgate.mailing import send
    from include.notify.failure_messages import failed as failed_message
    from include.notify.mail import compose

    dag_id, run_id = context["dag"].dag_id, str(context["run_id"])
    told = _told(context, failed)
    if len(told) < len(failed) or not failed:
        untold = [task for task in failed if task not in told]
        links = [("The run", run_link(dag_id, run_id))]
        send(config, compose(failed_message(config.name, dag_id=dag_id, run_id=run_id, tasks=untold, links=links)))
    try:
        _close(config, dag_id, run_id, outcome)
    except DriftgateError as error:
        log.warning("RUNS does not tell how this run ended: %s", error)


def _told(context: Context, failed: tuple[str, ...]) -> dict[str, str]:
    """Return what failed tasks have told themselves."""
    ti, task_ids = context["ti"], context["dag"].task_ids
    told = {task: ti.xcom_pull(task_ids=task, key=TOLD) for task in failed if task in task_ids}
    return {task: sentence for task, sentence in told.items() if sentence}


def _close(config: PipelineConfig, dag_id: str, run_id: str, outcome: str) -> None:
    from driftgate.hooks import WarehouseHook
    from include.catalog.runs import close_run, run_id_of

    with WarehouseHook.for_pipeline(config).session() as warehouse:
        close_run(warehouse, run_id=run_id_of(dag_id, run_id), outcome=outcome)


def _named(task: str, task_ids: list[str]) -> str:
    """Return a mapped task as Airflow's UI names it: preprocess[0], where the states say preprocess_0."""
    task_id, _, map_index = task.rpartition("_")
    return f"{task_id}[{map_index}]" if task not in task_ids and map_index.isdigit() else task
