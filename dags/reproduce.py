"""### Train a version again, and compare

Takes the snapshot that a version was trained on and the config that it was trained with (preprocessing, model,
training), whatever the pipeline file says by now, computes as the original did if this machine can, and compares the
weights. The same weights have the same SHA-256. If they are others, both are held against the same test images, and
RUNS tells both accuracies and what may explain it: another torch, another processor, images that are gone.

Pixels that were pruned are decoded again from the stages. An image of which neither pixels nor a staged file with the
same content is left is lost: the run goes on without it, says how many are, and can only compare accuracies.

Nothing is registered or promoted. What the comparison came to is a row of REPRODUCTIONS.

**Idempotent**: a task that is run again finds what it did before; a run compares once.

**Parameters**: the version.
"""

from functools import partial

from airflow.sdk import DAG, Param

from driftgate.dag_settings import DEFAULT_ARGS, valid_pipelines
from driftgate.operators.compare import CompareOperator, tell_failed_comparison
from driftgate.operators.deliver_alerts import DeliverAlertsOperator
from driftgate.operators.open_reproduction import OpenReproductionOperator
from driftgate.operators.preprocess import PreprocessOperator
from driftgate.operators.restore import RestoreOperator
from driftgate.operators.train_again import TrainAgainOperator
from include.config import PipelineConfig


def reproduction_dag(config: PipelineConfig) -> DAG:
    """Return the DAG that trains versions of a pipeline again."""
    with DAG(
        dag_id=f"{config.name}_reproduce",
        description=f"Trains a version of the {config.name} classifier again, and compares",
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        max_active_runs=2,
        default_args=DEFAULT_ARGS,
        params={
            "version": Param(type="integer", minimum=1, description="The version to train again."),
        },
        tags=["driftgate", config.name],
    ) as dag:
        open_run = OpenReproductionOperator(task_id="open_run", config=config)
        restore = RestoreOperator(task_id="restore", config=config)
        preprocess = PreprocessOperator.partial(task_id="preprocess", config=config).expand(batch=restore.output)
        train = TrainAgainOperator(
            task_id="train",
            config=config,
            restored=restore.output["restored"],
            # there is nothing to preprocess if all pixels are in the store
            trigger_rule="none_failed",
        )
        compare = CompareOperator(
            task_id="compare",
            config=config,
            restored_by="restore",
            trained_by="train",
            on_failure_callback=partial(tell_failed_comparison, config),
        )
        deliver_alerts = DeliverAlertsOperator(task_id="deliver_alerts", config=config).as_teardown()

        open_run >> restore >> preprocess >> train
        # preprocess, too: if one of its batches fails, train is done with before the others are.
        [preprocess, train] >> compare >> deliver_alerts
    return dag


for pipeline in valid_pipelines():
    globals()[f"{pipeline.name}_reproduce"] = reproduction_dag(pipeline)
