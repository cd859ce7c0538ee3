"""The task that writes the answers back."""

from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class CommitPredictionsOperator(PipelineOperator):
    """Write the answers of all batches that have some to PREDICTIONS, in one transaction.

    Args:
        predict_task_id: The mapped task whose results are references to answers.
        **kwargs: As for any pipeline operator.
    """

    def __init__(self, *, predict_task_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.predict_task_id = predict_task_id

    def work(self, task: PipelineTask) -> dict[str, int]:
        """Return how many answers were handed over, and how many of them were new."""
        from include.catalog.runs import close_run
        from include.warehouse.write_back import commit_predictions

        references = [r for r in task.context["ti"].xcom_pull(task_ids=self.predict_task_id) or [] if r]
        files = [task.store.local_path(reference["path"]) for reference in references]
        n_answers = sum(int(reference["n_images"]) for reference in references)
        n_new = commit_predictions(task.warehouse, files, run_id=task.run_id, work_path=task.work_path)
        close_run(task.warehouse, run_id=task.run_id, outcome=f"{n_answers} images classified, {n_new} answers are new")
        return {"n_answers": n_answers, "n_new": n_new}
