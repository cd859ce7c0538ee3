"""The task that tells people of drift, where nothing else follows from it."""

from collections.abc import Sequence
from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class AlertOperator(PipelineOperator):
    """Send what a drift check has found, and say it in the log.

    Args:
        check: What `check_drift` returned.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("check",)

    def __init__(self, *, check: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check

    def work(self, task: PipelineTask) -> bool:
        """Return whether the mail was sent."""
        from driftgate.notifiers import send_drift
        from include.drift.check import Check

        check = Check.from_json(self.check)
        is_sent = send_drift(task.warehouse, task.store, check.check_id)
        self.log.warning("drift of version %d (%s): %s", check.version, check.verdict, "; ".join(check.reasons))
        return is_sent
