"""### Train a classifier, and promote it if it is good enough

Takes every labelled image of the training stage (and those incoming ones that a person has labelled), freezes them
into a snapshot, trains on it, measures the result on images that it has not seen, and makes it champion if it reaches
the gate.

**Idempotent**: a task that is run again finds what it did before. The same images and labels make the same snapshot; a
version is registered once and promoted once in a run.

**Parameters** override the pipeline file for one run.
"""

from airflow.sdk import DAG, Param

from driftgate.dag_settings import DEFAULT_ARGS, valid_pipelines
from driftgate.operators.announce import AnnounceOperator
from driftgate.operators.evaluate import EvaluateOperator
from driftgate.operators.freeze_snapshot import FreezeSnapshotOperator
from driftgate.operators.open_run import OpenRunOperator
from driftgate.operators.preprocess import PreprocessOperator
from driftgate.operators.promote import PromoteOperator
from driftgate.operators.sync_catalog import SyncCatalogOperator
from driftgate.operators.train import TrainOperator
from include.config import PipelineConfig


def training_params(config: PipelineConfig) -> dict[str, Param]:
    """Return the fields of the trigger form."""
    training = config.training
    return {
        "n_epochs": Param(
            training.n_epochs, type="integer", minimum=1, maximum=1000, description="How often to go over all images."
        ),
        "batch_size": Param(
            training.batch_size, type="integer", minimum=2, maximum=4096, description="Images in one step."
        ),
        "base_lr": Param(
            training.base_lr, type="number", exclusiveMinimum=0, maximum=1, description="The peak learning rate."
        ),
        "downsample_to": Param(
            training.downsample_to,
            type="number",
            exclusiveMinimum=0,
            maximum=1,
            description="The share of the training images to use, the same share of each class.",
        ),
        "reason": Param(None, type=["null", "string"], maxLength=1000, description="Why this run, for the ledger."),
        "accept_removals": Param(
            default=False,
            type="boolean",
            description="Go on even if more than a fifth of the images are gone from a stage.",
        ),
    }


def training_dag(config: PipelineConfig) -> DAG:
    """Return the training DAG of a pipeline."""
    with DAG(
        dag_id=f"{config.name}_training",
        description=f"Trains the {config.name} classifier",
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        max_active_runs=2,
        default_args=DEFAULT_ARGS,
        params=training_params(config),
        tags=["driftgate", config.name],
    ) as dag:
        open_run = OpenRunOperator(task_id="open_run", config=config)
        sync_catalog = SyncCatalogOperator(
            task_id="sync_catalog", config=config, stages=("training", "incoming"), opens_run=False
        )
        freeze_snapshot = FreezeSnapshotOperator(task_id="freeze_snapshot", config=config)
        preprocess = PreprocessOperator.partial(task_id="preprocess", config=config).expand(
            batch=freeze_snapshot.output
        )
        train = TrainOperator(task_id="train", config=config, snapshot_id=freeze_snapshot.output["snapshot_id"])
        evaluate = EvaluateOperator(task_id="evaluate", config=config, fitted=train.output)
        promote = PromoteOperator(task_id="promote", config=config, challenger=evaluate.output)
        announce = AnnounceOperator(task_id="announce", config=config, decision=promote.output)

        open_run >> sync_catalog >> freeze_snapshot >> preprocess >> train >> evaluate >> promote >> announce
    return dag


for pipeline in valid_pipelines():
    globals()[f"{pipeline.name}_training"] = training_dag(pipeline)
