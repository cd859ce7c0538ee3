"""The task that writes into the ledger what a person has answered."""

from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.operators.branch import BranchMixIn

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class RecordAnswerOperator(PipelineOperator, BranchMixIn):
    """Append APPROVED or REJECTED, with who answered and when.

    Args:
        answer: What `approve` pushed.
        skips: What is skipped unless the answer allows training; an approval that comes after the champion has changed
            does not.
        **kwargs: As for any pipeline operator.
    """

    inherits_from_skipmixin = True
    template_fields: Sequence[str] = ("answer",)

    def __init__(self, *, answer: dict[str, Any], skips: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.answer = answer
        self.skips = tuple(skips)

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return what was recorded."""
        from include.drift.approval import Answer, record_answer
        from include.drift.checks import read_check
        from include.errors import UnknownCheckError

        check_id = task.run.check_id
        if check_id is None:
            raise UnknownCheckError(f"run {task.run_id} names no drift check: there is nothing to answer")
        check = read_check(task.warehouse, check_id)
        recorded = record_answer(task.warehouse, Answer.from_json(self.answer), check=check, run_id=task.run_id)
        result = recorded.to_json()
        if not recorded.allows_training and self.skips:
            # Pushed by hand: skipping ends this method with an exception.
            task.context["ti"].xcom_push(key="return_value", value=result)
            self.skip(task.context["ti"], [task.context["dag"].get_task(task_id) for task_id in self.skips])
        return result
