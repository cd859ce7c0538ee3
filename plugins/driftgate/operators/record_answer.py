"""The task that writes into the ledger what a person has answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.standard.operators.branch import BranchMixIn
from airflow.sdk import XComArg

from driftgate.operators.pipeline import PipelineOperator, PipelineTask

if TYPE_CHECKING:  # the connector, which a DAG that is only read does not need
    from include.registry.approvals.requests import RequestKind


class RecordAnswerOperator(PipelineOperator, BranchMixIn):
    """Append APPROVED or REJECTED, with who answered and when.

    Args:
        kind: Which request of the run it is.
        answer: What the task that asked has pushed.
        step: Which of the answers that are needed it is, from 1.
        next_approval: The task that asks the next person, if there is one.
        skips: What is skipped unless the answer lets the run go on; one that comes after the champion has changed, or
            of somebody who does not count, does not.
        **kwargs: As for any pipeline operator.
    """

    inherits_from_skipmixin = True
    template_fields: Sequence[str] = ("answer",)

    def __init__(
        self,
        *,
        kind: RequestKind,
        answer: dict[str, Any] | XComArg,
        step: int = 1,
        next_approval: str | None = None,
        skips: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.answer = answer
        self.step = step
        self.next_approval = next_approval
        self.skips = tuple(skips)

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return what was recorded."""
        from include.registry.approvals.answers import Answer, record_answer
        from include.registry.approvals.requests import read_request

        recorded = record_answer(
            task.warehouse,
            Answer.from_json(cast("dict[str, Any]", self.answer)),
            request=read_request(task.warehouse, run_id=task.run_id, kind=self.kind),
            step=self.step,
            next_task_id=self.next_approval,
        )
        result = recorded.to_json()
        if not recorded.lets_pass and self.skips:
            # Pushed by hand: skipping ends this method with an exception.
            task.context["ti"].xcom_push(key="return_value", value=result)
            self.skip(task.context["ti"], [task.context["dag"].get_task(task_id) for task_id in self.skips])
        return result
