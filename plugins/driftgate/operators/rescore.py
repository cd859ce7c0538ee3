"""The task that has the images answered which a rollback has left without an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import DagIsPaused, TriggerDagRunOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from driftgate.inference_outcome import add_to_outcome
from driftgate.operators.pipeline import pipeline_task
from include.config import PipelineConfig


class RescoreOperator(TriggerDagRunOperator):
    """Start an inference run after a rollback that left images without an answer; skipped if there are none.

    A rollback starts one run, however often this is tried. Where inference is paused, somebody wants it so: nothing is
    started, the rollback stands, and RUNS says that the images wait.

    Args:
        config: The pipeline file.
        rollback: What `roll_back` returned.
        **kwargs: As for any operator.
    """

    template_fields: Sequence[str] = (*TriggerDagRunOperator.template_fields, "rollback")

    def __init__(self, *, config: PipelineConfig, rollback: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=f"{config.name}_inference",
            # It is of no interval of the schedule.
            logical_date=None,
            skip_when_already_exists=True,
            # A run of a paused DAG would wait until somebody unpauses it, for whatever reason.
            fail_when_dag_is_paused=True,
            openlineage_inject_parent_info=False,
            **kwargs,
        )
        self.config = config
        self.rollback = rollback

    def execute(self, context: Context) -> None:
        """Start the run.

        Raises:
            AirflowSkipException: No image waits because of this rollback, the run exists, or inference is paused.
        """
        from include.catalog.runs import rescoring_run_id, run_id_of
        from include.registry.rollback import Rollback

        n_pending = Rollback.from_json(self.rollback).n_pending
        if not n_pending:
            raise AirflowSkipException("every image that had an answer still has one")
        self.trigger_run_id = rescoring_run_id(run_id_of(context["dag"].dag_id, str(context["run_id"])))
        try:
            super().execute(context)
        except DagIsPaused as error:
            waiting = "1 image waits" if n_pending == 1 else f"{n_pending:,} images wait"
            told = f"{waiting} for an answer, as {error.dag_id} is paused"
            with pipeline_task(self.config, context) as task:
                add_to_outcome(task, told)
            raise AirflowSkipException(told) from error
