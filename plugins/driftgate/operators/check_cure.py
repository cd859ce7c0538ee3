"""The task that finds out whether a challenger cures the drift that it was trained for."""

from collections.abc import Sequence
from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class CheckCureOperator(PipelineOperator):
    """Let a challenger answer the window that its training was asked for; nothing, if no drift check asked for it.

    Args:
        challenger: What `evaluate` returned.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("challenger",)

    def __init__(self, *, challenger: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.challenger = challenger

    def work(self, task: PipelineTask) -> dict[str, Any] | None:
        """Return whether it does, and why; None if there is no drift to cure."""
        check_id = task.run.check_id
        if check_id is None:
            self.log.info("no drift check has asked for this training: there is no drift to cure")
            return None
        from include.drift.cure import check_cure
        from include.registry.challenger import Challenger

        cure = check_cure(
            task.warehouse,
            task.store,
            task.config,
            version=Challenger.from_json(self.challenger).version,
            check_id=check_id,
            run_id=task.run_id,
            work_path=task.work_path,
        )
        for reason in cure.reasons:
            self.log.info("%s", reason)
        return cure.to_json()
