"""The task of an inference run that has found drift from which nothing else follows."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context


class AlertOperator(BaseOperator):
    """Say in the log what a drift check has found; people are told through the outbox.

    Args:
        check: What `check_drift` returned.
        **kwargs: As for any operator.
    """

    template_fields: Sequence[str] = ("check",)

    def __init__(self, *, check: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check

    def execute(self, context: Context) -> None:  # noqa: ARG002 - all of it is in the check
        """Log the reasons."""
        from include.drift.check import Check

        check = Check.from_json(self.check)
        self.log.warning("drift of version %d (%s): %s", check.version, check.verdict, "; ".join(check.reasons))
