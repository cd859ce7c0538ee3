"""The leaf that makes a run fail after its good batches were committed."""

from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from driftgate.failures import failed_sentence, failed_tasks, tell_failure
from driftgate.inference_outcome import inference_outcome
from include.config import PipelineConfig


class ReportFailuresOperator(BaseOperator):
    """Tell which tasks of an inference run failed, and fail the run; it runs only if one did, as soon as it did.

    Args:
        config: The pipeline file.
        **kwargs: As for any operator.
    """

    def __init__(self, *, config: PipelineConfig, **kwargs: Any) -> None:
        super().__init__(trigger_rule="one_failed", **kwargs)
        self.config = config

    def execute(self, context: Context) -> None:
        """Fail the run.

        Raises:
            AirflowFailException: Always.
        """
        failed = failed_tasks(context)
        sentence = failed_sentence(context, failed)
        outcome = inference_outcome(context, failed=failed)
        tell_failure(self.config, context, failed, outcome=outcome, patience_s=None)
        raise AirflowFailException(
            f"{sentence}. A failed batch keeps no other from being committed; images without an answer are pending, "
            "and come again with the next run. The log of each failed task says why"
        )
