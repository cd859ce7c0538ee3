"""The tasks that follow a promotion or a rollback: where else the champion is, besides the ledger."""

from typing import Any

from airflow.sdk import BaseOperator

from driftgate.operators.publish import PublishOperator
from include.config import PipelineConfig


def publishing_tasks(config: PipelineConfig, **kwargs: Any) -> list[BaseOperator]:
    """Return the tasks, to be called in a DAG; they do not wait for each other.

    Args:
        config: The pipeline file.
        **kwargs: As for any operator, for each of them.
    """
    tasks: list[BaseOperator] = [PublishOperator(task_id="publish", config=config, **kwargs)]
    if config.registry.publish == "snowflake":
        from driftgate.operators.publish_model import PublishModelOperator  # with what runs other pythons: 0.1 s

        tasks.append(PublishModelOperator(task_id="publish_model", config=config, **kwargs))
    return tasks
