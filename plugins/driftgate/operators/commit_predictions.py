"""The task that writes the answers back."""

from collections.abc import Sequence
from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class CommitPredictionsOperator(PipelineOperator):
    """Write the answers of all batches that have some to PREDICTIONS, in one transaction.

    Nothing is written, and the run stops, if it is the images that are broken: it is here that all batches meet.

    Args:
        answers: What `predict` returned, of each batch that it answered.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("answers",)

    def __init__(self, *, answers: Sequence[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.answers = answers

    def work(self, task: PipelineTask) -> dict[str, int]:
        """Return how many answers were handed over, and how many of them were new."""
        from driftgate.broken_images import stop_on_broken_batches
        from driftgate.inference_outcome import inference_outcome
        from include.catalog.runs import close_run
        from include.warehouse.write_back import commit_predictions

        answers = list(self.answers)
        files = [task.store.local_path(answer["path"]) for answer in answers]
        n_answers = sum(int(answer["n_images"]) for answer in answers)
        stop_on_broken_batches(task, n_answers=n_answers)
        n_new = commit_predictions(task.warehouse, files, run_id=task.run_id, work_path=task.work_path)
        committed = {"n_answers": n_answers, "n_new": n_new}
        close_run(task.warehouse, run_id=task.run_id, outcome=inference_outcome(task.context, committed=committed))
        return committed
