"""The task that finds out whether a person has to be asked before anything is trained."""

from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.operators.branch import BranchMixIn

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class NeedsApprovalOperator(PipelineOperator, BranchMixIn):
    """Put the request if a drift check wants the training and the pipeline's mode is `approval`.

    A run that nobody could let through to the end fails here, before it does any work.

    Args:
        ask: The task that asks, then those that run beside it.
        otherwise: The task that comes next if nobody is asked.
        **kwargs: As for any pipeline operator.
    """

    inherits_from_skipmixin = True

    def __init__(self, *, ask: Sequence[str], otherwise: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ask = tuple(ask)
        self.otherwise = otherwise

    def work(self, task: PipelineTask) -> None:
        """Skip the other one."""
        from include.registry.approvals.requests import who_counts

        check_id, mode = task.run.check_id, task.config.retraining.mode
        is_asked = check_id is not None and mode == "approval"
        if is_asked or task.config.promotion.approval:
            who_counts(task.config.approvers, triggered_by=task.triggered_by)
        if check_id is not None and is_asked:
            self._put_request(task, check_id)
            self.log.info("check %s asks for this training, in mode approval: a person decides", check_id)
        elif check_id is not None:
            self.log.info("check %s asks for this training, in mode %s: nobody is asked", check_id, mode)
        else:
            self.log.info("no drift check asks for this training, so nobody is asked")
        self.do_branch(task.context, self.ask if is_asked else [self.otherwise])

    def _put_request(self, task: PipelineTask, check_id: str) -> None:
        from include.drift.approval import request_retraining
        from include.drift.checks import read_check

        request_retraining(
            task.warehouse,
            task.store,
            task.config,
            read_check(task.warehouse, check_id),
            run_id=task.run_id,
            task_id=self.ask[0],
            triggered_by=task.triggered_by,
        )
