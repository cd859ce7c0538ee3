"""### Deliver what people could not be told when it happened

What people are told (by mail, or through the services of `notify.urls`) waits in ALERTS, the outbox, which is written
in the same transaction as the fact that it reports. The last task of each other run delivers it. What cannot be
delivered then, because a server is down, or is not yet due (the reminder of a request), is delivered by a run of this
DAG: the task that leaves it behind asks for one when it is due. After each failure the pause is twice as long, from a
minute to an hour.

**Idempotent**: an alert goes once through each channel. A task that is killed after the server has taken a mail, and
before that is noted, sends it once more under the same Message-ID, by which mail programs tell that it is the same one.

Nobody has to start it. While it is paused, what was not delivered waits for the next run of another DAG.
"""

from airflow.sdk import DAG

from driftgate.dag_settings import DEFAULT_ARGS, valid_pipelines
from driftgate.operators.deliver_alerts import DeliverAlertsOperator
from include.config import PipelineConfig


def alerts_dag(config: PipelineConfig) -> DAG:
    """Return the alerts DAG of a pipeline."""
    with DAG(
        dag_id=f"{config.name}_alerts",
        description=f"Delivers what people could not be told of {config.name}",
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        # A run of a paused one would wait for ever.
        is_paused_upon_creation=False,
        # One that hangs on a server keeps no other from trying; of an alert each claims what the others have not.
        max_active_runs=8,
        default_args=DEFAULT_ARGS,
        tags=["driftgate", config.name],
    ) as dag:
        DeliverAlertsOperator(task_id="deliver_alerts", config=config)
    return dag


for pipeline in valid_pipelines():
    globals()[f"{pipeline.name}_alerts"] = alerts_dag(pipeline)
