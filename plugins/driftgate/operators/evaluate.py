"""The task that measures what was trained, and registers it."""

from collections.abc import Sequence
from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class EvaluateOperator(PipelineOperator):
    """Calibrate a trained model, compare it with the champion on held-out images, and register it as a version.

    Args:
        fitted: What `train` returned.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("fitted",)

    def __init__(self, *, fitted: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fitted = fitted

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return the version, and the champion's event that it was compared with."""
        from include.models.fitting import FittedModel
        from include.registry.registration import evaluate_and_register

        challenger = evaluate_and_register(
            task.warehouse,
            task.store,
            task.config,
            FittedModel.from_json(self.fitted),
            run_id=task.run_id,
            work_path=task.work_path,
        )
        return challenger.to_json()
