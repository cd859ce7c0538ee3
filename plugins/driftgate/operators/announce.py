"""The last task of a training run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from driftgate.failures import failed_sentence, failed_tasks, tell_failure
from driftgate.operators.pipeline import PipelineOperator, PipelineTask
from include.config import PipelineConfig

if TYPE_CHECKING:
    from include.registry.promotion import Decision


class AnnounceOperator(PipelineOperator):
    """Say what became of the run, in the log and in RUNS; a failure also to people.

    It always runs, so a run in which a task failed fails here once more: it would be green otherwise. If it is itself
    what fails, `tell_failed_announcement` tells that.

    Args:
        decision_of: The task that returns the gate's decision.
        answer_of: The tasks that return people's answers, as far as people were asked.
        **kwargs: As for any pipeline operator.
    """

    def __init__(self, *, decision_of: str, answer_of: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(trigger_rule="all_done", **kwargs)
        self.decision_of = decision_of
        self.answer_of = answer_of

    def execute(self, context: Context) -> Any:
        """Tell it, even if it is the warehouse that the run failed of.

        Raises:
            AirflowFailException: A task of the run has failed.
        """
        failed = failed_tasks(context)
        if not failed:
            return super().execute(context)
        outcome = failed_sentence(context, failed)
        champion = "The champion is what it was"
        decision = self._decision(context)
        if decision and decision.outcome == "PROMOTED":
            outcome, champion = f"{decision.sentence}; {outcome}", "The promotion stands"
        tell_failure(self.config, context, failed, outcome=outcome, patience_s=None)
        raise AirflowFailException(f"{outcome}. {champion}; the log of each failed task says why")

    def work(self, task: PipelineTask) -> str:
        """Return the sentence."""
        from include.catalog.runs import close_run

        decision = self._decision(task.context)
        outcome = decision.sentence if decision else self._answered(task)
        close_run(task.warehouse, run_id=task.run_id, outcome=outcome)
        self.log.info("%s", outcome)
        return outcome

    def _decision(self, context: Context) -> Decision | None:
        """Return what was decided about the challenger, if it came to that."""
        from include.registry.promotion import Decision

        returned = context["ti"].xcom_pull(task_ids=self.decision_of)
        return Decision.from_json(returned) if returned else None

    def _answered(self, task: PipelineTask) -> str:
        """Return why nothing was trained, or nothing promoted."""
        from include.registry.approvals.answers import RecordedAnswer

        returned = [task.context["ti"].xcom_pull(task_ids=task_id) for task_id in self.answer_of]
        answers = [RecordedAnswer.from_json(answer) for answer in returned if answer]
        rejections = [answer.run_outcome for answer in answers if not answer.lets_pass]
        return rejections[0] if rejections else "nothing was promoted: tasks of this run were skipped by hand"


def tell_failed_announcement(config: PipelineConfig, context: Context) -> None:
    """Tell by mail that nothing but the announcement failed; of other tasks it has told itself.

    Args:
        config: The pipeline file.
        context: Of the task, with the exception that it failed of.
    """
    if not failed_tasks(context):
        error = context.get("exception") or "it was ended from outside"
        task_id = str(context["ti"].task_id)
        tell_failure(config, context, (task_id,), outcome=f"{failed_sentence(context, (task_id,))}: {error}")
