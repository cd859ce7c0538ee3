"""The task that lets a challenger into production, or does not."""

from collections.abc import Sequence
from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class PromoteOperator(PipelineOperator):
    """Hold a challenger against the gate; make it champion if it passes and the champion is still the same.

    Where people had to approve it, it has to be what they were shown, to the last bit.

    What `check_cure` found is read where it is stored: whoever may write an XCom may write anything.

    Args:
        challenger: What `evaluate` returned.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("challenger",)

    def __init__(self, *, challenger: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.challenger = challenger

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return whether it is champion now, and why."""
        from include.registry.challenger import Challenger
        from include.registry.cures import read_cure
        from include.registry.promotion import pass_gate_and_promote

        challenger, check_id = Challenger.from_json(self.challenger), task.run.check_id
        cure = read_cure(task.warehouse, version=challenger.version, check_id=check_id) if check_id else None
        decision = pass_gate_and_promote(
            task.warehouse,
            challenger,
            gate=task.config.gate,
            accept_vanished_classes=bool(task.context["params"].get("accept_vanished_classes")),
            run_id=task.run_id,
            cure=cure,
            needs_approval=task.config.promotion.approval,
        )
        return decision.to_json()
