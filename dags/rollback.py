"""### Make a former champion champion again

Appends one row to the ledger, and everything else follows from it: the answers of every version promoted since then
leave the view CURRENT_PREDICTIONS at once, the restored version's earlier answers show again, and the images that only
recalled versions had answered are pending. The version's baseline and temperature come back with it. RECALLS holds, by
pairs of labels, how many answers that changes.

If images are pending then, `rescore` starts an inference run, which answers them. Where inference is paused it starts
none, and the run says so.

`publish` lets the function that SQL calls (`registry.function`) answer as the restored version does; with
`registry.publish: snowflake`, `publish_model` moves the alias in Snowflake's Model Registry.

**Idempotent**: a run rolls back once and starts one inference run, however often its tasks are tried.

It is a rollback of the champion that there was when the run was triggered. If there is another one by now, because of
a promotion or of a second rollback that was asked for at the same time, the run fails and says so, in RUNS and by mail.

**Parameters**: the version to restore (empty: the previous one), and the reason, which the ledger and the mail tell.
"""

from functools import partial

from airflow.sdk import DAG, Param

from driftgate.dag_settings import DEFAULT_ARGS, valid_pipelines
from driftgate.operators.deliver_alerts import DeliverAlertsOperator
from driftgate.operators.rescore import RescoreOperator
from driftgate.operators.roll_back import RollBackOperator, tell_failed_rollback
from driftgate.publishing import publishing_tasks
from include.config import PipelineConfig


def rollback_dag(config: PipelineConfig) -> DAG:
    """Return the rollback DAG of a pipeline."""
    with DAG(
        dag_id=f"{config.name}_rollback",
        description=f"Makes a former champion of {config.name} champion again",
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        # A rollback waits for nothing; of two at once the ledger lets one through.
        max_active_runs=8,
        default_args=DEFAULT_ARGS,
        params={
            "version": Param(
                None,
                type=["null", "integer"],
                minimum=1,
                description="The version to restore; empty: the champion before this one. One that was recalled has to "
                "be named.",
            ),
            "reason": Param(
                type="string", minLength=1, maxLength=1000, description="Why, for the ledger and for the mail."
            ),
        },
        tags=["driftgate", config.name],
    ) as dag:
        tell_failure = partial(tell_failed_rollback, config)
        roll_back = RollBackOperator(task_id="roll_back", config=config, on_failure_callback=tell_failure)
        rescore = RescoreOperator(
            task_id="rescore", config=config, rollback=roll_back.output, on_failure_callback=tell_failure
        )
        publishing = publishing_tasks(config, on_failure_callback=tell_failure)
        deliver_alerts = DeliverAlertsOperator(task_id="deliver_alerts", config=config).as_teardown()

        roll_back >> publishing
        [rescore, *publishing] >> deliver_alerts
    return dag


for pipeline in valid_pipelines():
    globals()[f"{pipeline.name}_rollback"] = rollback_dag(pipeline)
