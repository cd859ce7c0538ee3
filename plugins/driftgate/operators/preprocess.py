"""The task that turns staged images into pixels: in training alone, in inference together with the answers."""

from collections.abc import Sequence
from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class PreprocessOperator(PipelineOperator):
    """Fetch, decode and measure those images of a batch that are not in the pixel store yet.

    Args:
        batch: The batch, as JSON.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("batch",)

    def __init__(self, *, batch: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return the batch, for the task that comes next."""
        from include.store.batches import Batch
        from include.store.preparation import prepare_batch

        batch = Batch.from_json(self.batch)
        prepare_batch(
            task.warehouse, task.store, batch, stages=task.config.stages, run_id=task.run_id, work_path=task.work_path
        )
        return batch.to_json()
