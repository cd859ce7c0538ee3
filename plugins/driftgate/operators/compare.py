"""The last task of a run that trains a version again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from driftgate.failures import failed_sentence, failed_tasks, tell_failure
from driftgate.operators.pipeline import PipelineOperator, PipelineTask
from include.config import PipelineConfig


class CompareOperator(PipelineOperator):
    """Compare what training again came to with the version, and say it in REPRODUCTIONS, in RUNS and in the log.

    It always runs, so that RUNS and a mail tell of a run in which another task failed. Other weights or another
    accuracy fail nothing: they are what was asked for.

    Args:
        fitted: What `train` returned.
        restored: What `restore` has found.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("fitted", "restored")

    def __init__(self, *, fitted: dict[str, Any], restored: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(trigger_rule="all_done", **kwargs)
        self.fitted = fitted
        self.restored = restored

    def execute(self, context: Context) -> Any:
        """Compare, if there is something to compare.

        Raises:
            AirflowFailException: A task of the run has failed.
        """
        failed = failed_tasks(context)
        if not failed:
            return super().execute(context)
        outcome = failed_sentence(context, failed)
        tell_failure(self.config, context, failed, outcome=outcome)
        raise AirflowFailException(f"{outcome}. Nothing was compared; the log of each failed task says why")

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return the comparison."""
        from include.catalog.runs import close_run
        from include.models.fitting import FittedModel
        from include.registry.reproduction import compare
        from include.store.restoration import RestoredSnapshot

        found = compare(
            task.warehouse,
            task.store,
            task.config,
            FittedModel.from_json(self.fitted),
            RestoredSnapshot.from_json(self.restored),
            version=task.context["params"]["version"],
            run_id=task.run_id,
        )
        close_run(task.warehouse, run_id=task.run_id, outcome=found.sentence)
        self.log.info("%s", found.sentence)
        return found.to_json()


def tell_failed_comparison(config: PipelineConfig, context: Context) -> None:
    """Tell by mail and in RUNS that nothing but the comparison failed; of other tasks it has told itself.

    Args:
        config: The pipeline file.
        context: Of the task, with the exception that it failed of.
    """
    if not failed_tasks(context):
        error = context.get("exception") or "it was ended from outside"
        task_id = str(context["ti"].task_id)
        tell_failure(config, context, (task_id,), outcome=f"{failed_sentence(context, (task_id,))}: {error}")
