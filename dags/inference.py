"""### Classify the new images, and write the answers back

Finds the incoming images that have no answer yet, decodes them as the champion was trained, classifies them, and
commits label, confidence and time to the warehouse, where the view CURRENT_PREDICTIONS shows them.

**Idempotent**: an image is answered once by a version; running it again adds no row. A batch that fails keeps no
other batch from being committed: the run then fails, naming it, and the next run takes its images again.

Without a champion, or with nothing new, the run succeeds after `plan` and says so.
"""

from airflow.sdk import DAG, Param

from driftgate.dag_settings import DEFAULT_ARGS, valid_pipelines
from driftgate.operators.commit_predictions import CommitPredictionsOperator
from driftgate.operators.plan import PlanOperator
from driftgate.operators.predict import PredictOperator
from driftgate.operators.preprocess import PreprocessOperator
from driftgate.operators.report_failures import ReportFailuresOperator
from driftgate.operators.sync_catalog import SyncCatalogOperator
from include.config import PipelineConfig


def inference_dag(config: PipelineConfig) -> DAG:
    """Return the inference DAG of a pipeline."""
    with DAG(
        dag_id=f"{config.name}_inference",
        description=f"Classifies the new images of {config.name}",
        doc_md=__doc__,
        # No start_date: with one, Airflow runs the interval that has just passed as soon as the DAG is unpaused.
        schedule=config.schedule,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        params={
            "accept_removals": Param(
                default=False,
                type="boolean",
                description="Go on even if more than a fifth of the images are gone from the stage.",
            ),
        },
        tags=["driftgate", config.name],
    ) as dag:
        sync_catalog = SyncCatalogOperator(task_id="sync_catalog", config=config, stages=("incoming",), opens_run=True)
        plan = PlanOperator(task_id="plan", config=config, then="preprocess")
        preprocess = PreprocessOperator.partial(task_id="preprocess", config=config).expand(batch=plan.output)
        # One bad batch must not keep the good ones from being answered and committed.
        predict = PredictOperator.partial(
            task_id="predict", config=config, trigger_rule="all_done_min_one_success"
        ).expand(batch=preprocess.output)
        commit = CommitPredictionsOperator(
            task_id="commit_predictions",
            config=config,
            answers=predict.output,
            trigger_rule="all_done_min_one_success",
        )
        report_failures = ReportFailuresOperator(
            task_id="report_failures", watched=("preprocess", "predict", "commit_predictions")
        )

        sync_catalog >> plan >> preprocess >> predict >> commit
        [preprocess, predict, commit] >> report_failures
    return dag


for pipeline in valid_pipelines():
    globals()[f"{pipeline.name}_inference"] = inference_dag(pipeline)
