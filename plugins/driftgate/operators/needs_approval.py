"""The task that finds out whether a person has to be asked before anything is trained."""

from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.operators.branch import BranchMixIn

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class NeedsApprovalOperator(PipelineOperator, BranchMixIn):
    """Ask a person if a drift check wants the training and the pipeline's mode is `approval`.

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
        """Skip the other one; if a person is asked, put the request into the outbox."""
        from include.registry.alerts import enqueue

        check_id, mode = task.run.check_id, task.config.retraining.mode
        is_asked = check_id is not None and mode == "approval"
        if is_asked:
            self.log.info("check %s asks for this training, in mode approval: a person decides", check_id)
            about = {"check_id": check_id, "task_id": self.ask[0]}
            task.warehouse.alone(lambda: enqueue(task.warehouse, "approval", run_id=task.run_id, about=about))
        elif check_id is not None:
            self.log.info("check %s asks for this training, in mode %s: nobody is asked", check_id, mode)
        else:
            self.log.info("no drift check asks for this training, so nobody is asked")
        self.do_branch(task.context, self.ask if is_asked else [self.otherwise])
