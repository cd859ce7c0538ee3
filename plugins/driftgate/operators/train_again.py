"""The task that trains a version again."""

from collections.abc import Sequence
from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class TrainAgainOperator(PipelineOperator):
    """Train on a restored snapshot as a version was trained, computing as it did. It goes on from checkpoints, too.

    Args:
        restored: What `restore` has found.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("restored",)

    def __init__(self, *, restored: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.restored = restored

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return a reference to the weights in the store."""
        from include.registry.training_again import train_again
        from include.store.restoration import RestoredSnapshot

        fitted = train_again(
            task.warehouse,
            task.store,
            task.config,
            RestoredSnapshot.from_json(self.restored),
            version=task.context["params"]["version"],
            run_id=task.run_id,
        )
        return fitted.to_json()
