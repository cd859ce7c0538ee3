"""How an inference run ended, in a sentence for RUNS; and what a rollback adds to it.

Several tasks close a run, and the leaf that tells of a failed batch may run before the good ones are committed. So each
of them tells all that there is to tell by then, and the last one tells it all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from driftgate.failures import failed_sentence, failed_tasks

if TYPE_CHECKING:
    from driftgate.operators.pipeline import PipelineTask

NOTHING_NEW = "nothing new to classify"
ONLY_CHECKED = "only a check was asked for"


def checks_only(context: Context) -> bool:
    """Whether the run was asked for a drift check alone; a run of another DAG, or an older one, was not."""
    return context["params"].get("only_check") is True


def without_batches(context: Context) -> str:
    """Return why a run with a champion classifies nothing."""
    return ONLY_CHECKED if checks_only(context) else NOTHING_NEW


def inference_outcome(
    context: Context,
    *,
    committed: dict[str, int] | None = None,
    check: dict[str, Any] | None = None,
    failed: tuple[str, ...] | None = None,
) -> str:
    """Return what was classified, what the drift check came to and what was rolled back, after what has failed.

    Args:
        context: Of any task of the run.
        committed: What `commit_predictions` returns; by default, what it has returned.
        check: What `check_drift` returns; by default, what it has returned.
        failed: The tasks that failed; by default, those that have failed by now.
    """
    ti = context["ti"]
    committed = committed or ti.xcom_pull(task_ids="commit_predictions")
    check = check or ti.xcom_pull(task_ids="check_drift")
    failed = failed_tasks(context) if failed is None else failed
    parts = [failed_sentence(context, failed)] if failed else []
    if committed:
        parts.append(f"{committed['n_answers']} images classified, {committed['n_new']} answers are new")
    elif not failed:
        parts.append(without_batches(context))
    if check:
        parts.append(f"drift check {check['check_id']}: {check['verdict']}, {check['action']}")
    rolled_back = ti.xcom_pull(task_ids="roll_back")
    if rolled_back:
        parts.append(rollback_sentence(rolled_back))
    return "; ".join(parts)


def rollback_sentence(rolled_back: dict[str, Any]) -> str:
    """Return what was rolled back, in a sentence.

    Args:
        rolled_back: What `roll_back` has returned.
    """
    from include.registry.rollback import Rollback

    return Rollback.from_json(rolled_back).sentence


def add_to_outcome(task: PipelineTask, told: str) -> None:
    """Let RUNS tell one thing more of how a run ended, once."""
    from include.catalog.runs import close_run

    outcome = task.run.outcome or ""
    if told not in outcome:
        close_run(task.warehouse, run_id=task.run_id, outcome="; ".join(filter(None, (outcome, told))))
