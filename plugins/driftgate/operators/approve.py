"""The task that waits for a person."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLBranchOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from driftgate.operators.pipeline import pipeline_task
from include.config import PipelineConfig

APPROVE = "Approve"
REJECT = "Reject"


class ApproveOperator(HITLBranchOperator):
    """Show a person the evidence for a retraining, and wait; `needs_approval` has told people. Silence is a rejection.

    The answer goes to the XCom `answer`.

    Args:
        config: The pipeline file.
        approved: The task that follows an approval.
        rejected: The task that follows a rejection.
        **kwargs: As for any operator.
    """

    def __init__(self, *, config: PipelineConfig, approved: str, rejected: str, **kwargs: Any) -> None:
        super().__init__(
            subject=f"{config.name}: may a new model be trained?",
            options=[APPROVE, REJECT],
            options_mapping={APPROVE: approved, REJECT: rejected},
            defaults=REJECT,
            # Never execution_timeout: it would end the task, where this one answers it.
            response_timeout=timedelta(hours=config.retraining.response_hours),
            **kwargs,
        )
        self.config = config

    def execute(self, context: Context) -> Any:
        """Put the evidence on the page and ask.

        What stands on the page is set after the templates were rendered, so that nothing in it is taken for one.
        """
        from include.drift.checks import read_check
        from include.notify.approval_page import approval_page, approval_subject

        with pipeline_task(self.config, context) as task:
            check_id = task.run.check_id
            if check_id is None:
                raise AirflowFailException(f"run {task.run_id} names no drift check: there is nothing to approve")
            check = read_check(task.warehouse, check_id)
            # As the mail says, whatever the pipeline file says by now.
            self.response_timeout = timedelta(hours=task.config.retraining.response_hours)
        self.subject = approval_subject(self.config.name, check)
        self.body = approval_page(check)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Push who answered what and when, and skip what does not follow."""
        from include.drift.approval import Answer

        if "error" not in event:
            user = event["responded_by_user"]
            answer = Answer(
                is_approval=user is not None and event["chosen_options"] == [APPROVE],
                user=user["name"] if user else None,
                answered_at=event["responded_at"].isoformat(),
            )
            context["ti"].xcom_push(key="answer", value=answer.to_json())
        return super().execute_complete(context, event)
