"""### Train a classifier, and promote it if it is good enough

Takes every labelled image of the training stage (and those incoming ones that a person has labelled), freezes them
into a snapshot, trains on it, measures the result on images that it has not seen, and makes it champion if it reaches
the gate.

A run that a drift check has asked for waits first, in mode `approval`, until a person approves it; silence is a
rejection. It does no work before. Its model answers, in `check_cure`, the images whose drift it was trained for: if it
is no better there than the champion, or not at home with them, it does not cure the drift and is refused.

With `promotion.approval` a challenger that has passed the gate waits once more, until people approve exactly that one;
`promote` makes sure that it is.

`publish` lets the function that SQL calls (`registry.function`) answer as the champion does. If that fails, the
promotion stands, and the function answers as before until the task is cleared or the next run comes. With
`registry.publish: snowflake` the same goes for `publish_model` and Snowflake's Model Registry.

`announce` says what became of the run, whatever it was. What people are told waits in the outbox, a table;
`deliver_alerts` delivers it; while a run waits, `deliver_request` and `deliver_answer` do. If that fails, the run does
not, and the DAG `<name>_alerts` tries again.

**Idempotent**: a task that is run again finds what it did before. The same images and labels make the same snapshot; a
version is registered once and promoted once in a run.

**Parameters** override the pipeline file for one run.
"""

from functools import partial
from typing import get_args

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param

from driftgate.approvals import approval_tasks
from driftgate.dag_settings import DEFAULT_ARGS, valid_pipelines
from driftgate.operators.announce import AnnounceOperator, tell_failed_announcement
from driftgate.operators.check_cure import CheckCureOperator
from driftgate.operators.deliver_alerts import DeliverAlertsOperator
from driftgate.operators.evaluate import EvaluateOperator
from driftgate.operators.freeze_snapshot import FreezeSnapshotOperator
from driftgate.operators.needs_approval import NeedsApprovalOperator
from driftgate.operators.needs_promotion_approval import NeedsPromotionApprovalOperator
from driftgate.operators.open_run import OpenRunOperator
from driftgate.operators.preprocess import PreprocessOperator
from driftgate.operators.promote import PromoteOperator
from driftgate.operators.sync_catalog import SyncCatalogOperator
from driftgate.operators.train import TrainOperator
from driftgate.publishing import publishing_tasks
from include.config import PipelineConfig
from include.config_parts import Strategy


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
        "strategy": Param(
            config.model.strategy,
            type="string",
            enum=list(get_args(Strategy)),
            description="Train all (scratch), briefly from the champion's weights (warm), or the last layer (head).",
        ),
        "reason": Param(None, type=["null", "string"], maxLength=1000, description="Why this run, for the ledger."),
        "accept_removals": Param(
            default=False,
            type="boolean",
            description="Go on even if more than a fifth of the images are gone from a stage.",
        ),
        "accept_vanished_classes": Param(
            default=False,
            type="boolean",
            description="Promote even if the new model lacks a class that the champion has.",
        ),
        "check_id": Param(
            None,
            type=["null", "string"],
            pattern="^[0-9a-f]{16}$",
            description="The drift check that asks for this run; in mode approval the run waits for a person.",
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
        # A run that waits for its approval counts, too, and must not keep others from running.
        max_active_runs=8,
        default_args=DEFAULT_ARGS,
        params=training_params(config),
        tags=["driftgate", config.name],
    ) as dag:
        open_run = OpenRunOperator(task_id="open_run", config=config)
        needs_approval = NeedsApprovalOperator(
            task_id="needs_approval", config=config, ask=("approve", "deliver_request"), otherwise="not_needed"
        )
        retraining = approval_tasks(config, kind="retraining", suffix="", before="sync_catalog")
        not_needed = EmptyOperator(task_id="not_needed")
        # One of the two before it is always skipped; with both skipped, after a rejection, all that follows is.
        sync_catalog = SyncCatalogOperator(
            task_id="sync_catalog",
            config=config,
            stages=("training", "incoming"),
            opens_run=False,
            trigger_rule="none_failed_min_one_success",
        )
        freeze_snapshot = FreezeSnapshotOperator(task_id="freeze_snapshot", config=config)
        preprocess = PreprocessOperator.partial(task_id="preprocess", config=config).expand(
            batch=freeze_snapshot.output
        )
        train = TrainOperator(
            task_id="train", config=config, snapshot_id=freeze_snapshot.output["snapshot_id"], max_active_tis_per_dag=2
        )
        evaluate = EvaluateOperator(task_id="evaluate", config=config, fitted=train.output)
        check_cure = CheckCureOperator(task_id="check_cure", config=config, challenger=evaluate.output)
        needs_promotion_approval = NeedsPromotionApprovalOperator(
            task_id="needs_promotion_approval",
            config=config,
            challenger=evaluate.output,
            ask=("approve_promotion", "deliver_request_promotion"),
            otherwise="promotion_not_needed",
        )
        promotion = approval_tasks(config, kind="promotion", suffix="_promotion", before="promote")
        promotion_not_needed = EmptyOperator(task_id="promotion_not_needed")
        # One of the two before it is always skipped; with both skipped, after a rejection, it is, too.
        promote = PromoteOperator(task_id="promote", config=config, evaluated_by="evaluate")
        publishing = publishing_tasks(config)
        announce = AnnounceOperator(
            task_id="announce",
            config=config,
            decision_of="promote",
            answer_of=(*retraining.recording, *promotion.recording),
            on_failure_callback=partial(tell_failed_announcement, config),
        )
        deliver_alerts = DeliverAlertsOperator(task_id="deliver_alerts", config=config).as_teardown()

        open_run >> needs_approval >> [*retraining.first, not_needed]
        [retraining.approvals[-1], not_needed] >> sync_catalog >> freeze_snapshot >> preprocess >> train >> evaluate
        evaluate >> check_cure >> needs_promotion_approval >> [*promotion.first, promotion_not_needed]
        [promotion.approvals[-1], promotion_not_needed] >> promote >> publishing
        # preprocess, too: if one of its batches fails, publish is done with before the others are.
        [preprocess, *publishing, *retraining.rejections, *promotion.rejections] >> announce >> deliver_alerts
    return dag


for pipeline in valid_pipelines():
    globals()[f"{pipeline.name}_training"] = training_dag(pipeline)
