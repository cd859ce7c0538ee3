"""The task that classifies."""

from collections.abc import Sequence
from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class PredictOperator(PipelineOperator):
    """Classify the images of a prepared batch with the version that the batch names.

    Args:
        batch: The batch, as JSON.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("batch",)

    def __init__(self, *, batch: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return a reference to the answers in the store."""
        from include.registry.answering import answer_batch
        from include.store.batches import Batch

        answers = answer_batch(
            task.warehouse,
            task.store,
            Batch.from_json(self.batch),
            work_path=task.work_path,
            keep_features=task.config.inference.keep_features,
        )
        return {"path": answers.path, "n_images": answers.n_images}
