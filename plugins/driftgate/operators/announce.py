"""The last task of a training run."""

from collections.abc import Sequence
from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class AnnounceOperator(PipelineOperator):
    """Say what became of the challenger, in the log and in RUNS.

    Args:
        decision: What `promote` returned.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("decision",)

    def __init__(self, *, decision: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.decision = decision

    def work(self, task: PipelineTask) -> str:
        """Return the sentence."""
        from include.catalog.runs import close_run
        from include.registry.promotion import Decision

        outcome = Decision.from_json(self.decision).sentence
        close_run(task.warehouse, run_id=task.run_id, outcome=outcome)
        self.log.info("%s", outcome)
        return outcome
