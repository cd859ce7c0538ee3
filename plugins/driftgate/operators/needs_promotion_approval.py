"""The task that finds out whether a person has to be asked before a challenger becomes champion."""

from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.operators.branch import BranchMixIn

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class NeedsPromotionApprovalOperator(PipelineOperator, BranchMixIn):
    """Put the request if the pipeline wants one and the challenger would pass the gate.

    Nobody is asked about one that the gate refuses, or that was compared with a former champion: `promote` refuses it.

    Args:
        challenger: What `evaluate` returned.
        ask: The task that asks, then those that run beside it.
        otherwise: The task that comes next if nobody is asked.
        **kwargs: As for any pipeline operator.
    """

    inherits_from_skipmixin = True
    template_fields: Sequence[str] = ("challenger",)

    def __init__(self, *, challenger: dict[str, Any], ask: Sequence[str], otherwise: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.challenger = challenger
        self.ask = tuple(ask)
        self.otherwise = otherwise

    def work(self, task: PipelineTask) -> None:
        """Skip the other one."""
        is_asked = task.config.promotion.approval and self._put_request(task)
        self.do_branch(task.context, self.ask if is_asked else [self.otherwise])

    def _put_request(self, task: PipelineTask) -> bool:
        from include.registry.challenger import Challenger
        from include.registry.cures import read_cure
        from include.registry.promotion import request_promotion

        challenger, check_id = Challenger.from_json(self.challenger), task.run.check_id
        request = request_promotion(
            task.warehouse,
            challenger,
            task.config,
            accept_vanished_classes=bool(task.context["params"].get("accept_vanished_classes")),
            run_id=task.run_id,
            task_id=self.ask[0],
            cure=read_cure(task.warehouse, version=challenger.version, check_id=check_id) if check_id else None,
            triggered_by=task.triggered_by,
        )
        if request is None:
            self.log.info("version %d would not be promoted anyway: nobody is asked", challenger.version)
        return request is not None
