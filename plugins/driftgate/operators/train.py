"""The task that trains."""

from collections.abc import Sequence
from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class TrainOperator(PipelineOperator):
    """Train on a snapshot. Progress is in the log: epoch, loss, images a second, time left.

    Args:
        snapshot_id: The snapshot.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("snapshot_id",)

    def __init__(self, *, snapshot_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot_id = snapshot_id

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return a reference to the weights in the store."""
        from include.models.fitting import fit_snapshot

        fitted = fit_snapshot(task.warehouse, task.store, task.config, snapshot_id=self.snapshot_id)
        return fitted.to_json()
