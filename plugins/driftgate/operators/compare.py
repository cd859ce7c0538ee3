"""The last task of a run that trains a version again."""

from __future__ import annotations

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
        restored_by: The task whose XCom `restored` tells what was there to train on.
        trained_by: The task that returns what training again came to.
        **kwargs: As for any pipeline operator.
    """

    def __init__(self, *, restored_by: str, trained_by: str, **kwargs: Any) -> None:
        super().__init__(trigger_rule="all_done", **kwargs)
        self.restored_by = restored_by
        self.trained_by = trained_by

    def execute(self, context: Context) -> Any:
        """Compare, if there is something to compare.

        Raises:
            AirflowFailException: A task of the run has failed.
        """
        failed = failed_tasks(context)
        if not failed:
            return super().execute(context)
        outcome = failed_sentence(context, failed)
        tell_failure(self.config, context, failed, outcome=outcome, patience_s=None)
        raise AirflowFailException(f"{outcome}. Nothing was compared; the log of each failed task says why")

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return the comparison, as plain JSON: the command reads it, too."""
        from include.catalog.runs import close_run
        from include.models.fitting import FittedModel
        from include.registry.reproduction import compare
        from include.store.restoration import RestoredSnapshot

        ti = task.context["ti"]
        found = compare(
            task.warehouse,
            task.store,
            task.config,
            FittedModel.from_json(ti.xcom_pull(task_ids=self.trained_by)),
            RestoredSnapshot.from_json(ti.xcom_pull(task_ids=self.restored_by, key="restored")),
            version=task.context["params"]["version"],
            run_id=task.run_id,
        )
        close_run(task.warehouse, run_id=task.run_id, outcome=found.sentence)
        self.log.info("%s", found.sentence)
        return {**found.to_json(), "differences": list(found.differences)}


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
