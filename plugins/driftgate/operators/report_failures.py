"""The leaf that makes a run fail after its good batches were committed."""

from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException


class ReportFailuresOperator(BaseOperator):
    """Fail, naming the task instances that failed; it runs only if one did.

    Args:
        watched: The ids of the tasks to name.
        **kwargs: As for any operator.
    """

    def __init__(self, *, watched: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(trigger_rule="one_failed", **kwargs)
        self.watched = watched

    def execute(self, context: Context) -> None:
        """Fail the run.

        Raises:
            AirflowFailException: Always.
        """
        states: dict[str, dict[str, str]] = context["ti"].get_task_states(
            dag_id=context["dag"].dag_id, task_ids=list(self.watched), run_ids=[context["run_id"]]
        )
        failed = sorted(
            _named(task, self.watched)
            for of_run in states.values()
            for task, state in of_run.items()
            if state == "failed"
        )
        raise AirflowFailException(
            f"failed: {', '.join(failed)}. What the other batches answered is committed; the images of a failed batch "
            "are pending and come again with the next run. The log of each failed task says why"
        )


def _named(task: str, watched: tuple[str, ...]) -> str:
    """Return a mapped task as Airflow's UI names it: preprocess[0], where the states say preprocess_0."""
    task_id, _, map_index = task.rpartition("_")
    return f"{task_id}[{map_index}]" if task_id in watched and map_index.isdigit() else task
