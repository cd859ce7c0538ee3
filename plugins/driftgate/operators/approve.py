"""The task that waits for a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLBranchOperator
from airflow.sdk import Context
from airflow.sdk.execution_time.hitl import HITLUser

from driftgate.operators.pipeline import PipelineTask, pipeline_task
from include.config import PipelineConfig

if TYPE_CHECKING:  # the connector, which a DAG that is only read does not need
    from include.registry.approvals.requests import Request, RequestKind

APPROVE = "Approve"
REJECT = "Reject"


class ApproveOperator(HITLBranchOperator):
    """Show a person what a request is about, and wait for the answer. Silence is a rejection.

    The answer goes to the XCom `answer`.

    Args:
        config: The pipeline file.
        kind: Which request of the run it is.
        approved: The task that follows an approval.
        rejected: The task that follows a rejection.
        **kwargs: As for any operator.
    """

    def __init__(
        self, *, config: PipelineConfig, kind: RequestKind, approved: str, rejected: str, **kwargs: Any
    ) -> None:
        super().__init__(
            subject=f"{config.name}: an approval is wanted ({kind})",
            options=[APPROVE, REJECT],
            options_mapping={APPROVE: approved, REJECT: rejected},
            defaults=REJECT,
            **kwargs,
        )
        self.config = config
        self.kind: RequestKind = kind

    def execute(self, context: Context) -> Any:
        """Put the evidence on the page and ask.

        What stands on the page is set after the templates were rendered, so that nothing in it is taken for one.
        """
        from include.registry.approvals.requests import read_request

        with pipeline_task(self.config, context) as task:
            request = read_request(task.warehouse, run_id=task.run_id, kind=self.kind)
            self._prepare(task, request)
        # Never execution_timeout: it would end the task, where this one answers it.
        self.response_timeout = max(request.expires_at - datetime.now(UTC), timedelta(seconds=1))
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Push who answered what and when, and skip what does not follow."""
        from include.registry.approvals.answers import Answer

        if "error" not in event:
            user = event["responded_by_user"]
            answer = Answer(
                is_approval=user is not None and event["chosen_options"] == [APPROVE],
                user=user["name"] if user else None,
                user_id=str(user["id"]) if user else None,
                answered_at=event["responded_at"].isoformat(),
            )
            context["ti"].xcom_push(key="answer", value=answer.to_json())
        return super().execute_complete(context, event)

    def _prepare(self, task: PipelineTask, request: Request) -> None:
        """Set the page, and who may answer."""
        from include.errors import TooFewApproversError
        from include.notify.approval_page import approval_page, approval_subject
        from include.registry.approvals.answers import read_answers, who_may_answer

        answers = read_answers(task.warehouse, request.request_id)
        users = who_may_answer(request, answers)
        if request.approvers and not users:  # Airflow takes an empty list for everybody
            raise TooFewApproversError(f"all who may answer request {request.request_id} have answered it")
        self.assigned_users = [HITLUser(id=user.id, name=user.name) for user in users]
        self.subject = approval_subject(self.config.name, request)
        self.body = approval_page(task.warehouse, request, answers)
