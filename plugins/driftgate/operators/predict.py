"""The task that classifies."""

from typing import Any

from driftgate.operators.pipeline import PipelineTask
from driftgate.operators.preprocess import PreprocessOperator


class PredictOperator(PreprocessOperator):
    """Prepare the images of a batch as `PreprocessOperator` does, and classify them with the version that it names.

    Both happen in one pass: while some images are classified, those behind them are fetched and decoded.
    """

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return a reference to the answers in the store."""
        from include.registry.answering import answer_batch
        from include.store.batches import Batch

        answers = answer_batch(
            task.warehouse,
            task.store,
            Batch.from_json(self.batch),
            stages=task.config.stages,
            run_id=task.run_id,
            work_path=task.work_path,
            keep_features=task.config.inference.keep_features,
        )
        return {"path": answers.path, "n_images": answers.n_images}
