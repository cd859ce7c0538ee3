"""The task that lets the function which users call answer as the champion does."""

from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class PublishOperator(PipelineOperator):
    """Publish the champion, whoever that is by now: after a promotion the new one, after a rollback the restored one.

    What it returns says only that it is done; which version is published, the function itself says. If this fails, the
    promotion or the rollback stands, and the function answers as before: clear the task, or wait for the next run.
    """

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return the function, and the version that it answers as.

        Raises:
            AirflowSkipException: The pipeline file names no function, or there is no champion.
        """
        from include.registry.publishing.publishing import publish_champion

        function = task.config.registry.function
        if function is None:
            raise AirflowSkipException("registry.function is null: nothing is published")
        published = publish_champion(task.warehouse, function=function)
        if published is None:
            raise AirflowSkipException("there is no champion yet")
        return published.to_json()
