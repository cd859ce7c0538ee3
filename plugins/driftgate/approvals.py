"""The tasks of a request for approval, wired."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow.sdk import XComArg

from driftgate.operators.approve import ApproveOperator
from driftgate.operators.deliver_alerts import DeliverAlertsOperator
from driftgate.operators.record_answer import RecordAnswerOperator
from include.config import PipelineConfig

if TYPE_CHECKING:  # the connector, which a DAG that is only read does not need
    from include.registry.approvals.requests import RequestKind


class ApprovalTasks(NamedTuple):
    """The tasks of a request: for each approval that it needs one that asks, and two to record the answer."""

    deliver_request: DeliverAlertsOperator
    """Tells people that they are asked, beside the first one that asks."""
    asking: list[ApproveOperator]
    """In the order in which they ask, each after the approval before it."""
    approvals: list[RecordAnswerOperator]
    """The last one is what the run goes on after."""
    rejections: list[RecordAnswerOperator]
    """Of these one runs if the request is rejected."""

    @property
    def first(self) -> tuple[DeliverAlertsOperator, ApproveOperator]:
        """The tasks that follow the request."""
        return self.deliver_request, self.asking[0]

    @property
    def recording(self) -> tuple[str, ...]:
        """The ids of the tasks that return what was recorded."""
        return tuple(task.task_id for task in (*self.approvals, *self.rejections))


def approval_tasks(config: PipelineConfig, *, kind: RequestKind, suffix: str, before: str) -> ApprovalTasks:
    """Wire the tasks of a request: approve → approved or rejected → deliver_answer, for each approval that it needs.

    A request that needs several asks one person after the other: Airflow takes one answer for a task. What is told
    while the run goes on or waits is delivered at once, not at its end.

    Args:
        config: The pipeline file.
        kind: Which request of the run it is.
        suffix: What ends the ids of its tasks.
        before: The task that needs the approval; it is skipped without it.
    """
    # These are no teardowns: those would run in each run in which nobody was asked, too.
    deliver_request = DeliverAlertsOperator(task_id=f"deliver_request{suffix}", config=config)
    tasks = ApprovalTasks(deliver_request, [], [], [])
    n_needed = config.approvers.n_needed
    for step in range(1, n_needed + 1):
        end = _end(suffix, step)
        ask = ApproveOperator(
            task_id=f"approve{end}", config=config, kind=kind, approved=f"approved{end}", rejected=f"rejected{end}"
        )
        following = f"approve{_end(suffix, step + 1)}" if step < n_needed else None
        approved = RecordAnswerOperator(
            task_id=f"approved{end}",
            config=config,
            kind=kind,
            answer=XComArg(ask, key="answer"),
            step=step,
            next_approval=following,
            skips=[following or before],
        )
        rejected = RecordAnswerOperator(
            task_id=f"rejected{end}", config=config, kind=kind, answer=XComArg(ask, key="answer"), step=step
        )
        deliver_answer = DeliverAlertsOperator(
            task_id=f"deliver_answer{end}", config=config, trigger_rule="none_failed_min_one_success"
        )
        ask >> [approved, rejected] >> deliver_answer
        if tasks.approvals:
            tasks.approvals[-1] >> ask
        tasks.asking.append(ask)
        tasks.approvals.append(approved)
        tasks.rejections.append(rejected)
    return tasks


def _end(suffix: str, step: int) -> str:
    return suffix if step == 1 else f"{suffix}_{step}"
