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
        from driftgate.links import run_link
        from driftgate.mailing import send
        from include.drift.check import Check
        from include.drift.checks import read_check
        from include.notify.mail import compose
        from include.notify.messages import drift

        check = read_check(task.warehouse, Check.from_json(self.check).check_id)
        links = [("The run that found it", run_link(task.dag_id, str(task.context["run_id"])))]
        is_sent = send(task.config, compose(drift(task.config.name, check, links=links)))
        self.log.warning("drift of version %d (%s): %s", check.version, check.verdict, "; ".join(check.reasons))
        return is_sent
