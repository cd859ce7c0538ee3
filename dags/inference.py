"""### Classify the new images, write the answers back, and check for drift

Finds the incoming images that have no answer yet, decodes them as the champion was trained and classifies them in one
pass (`predict`), and commits label, confidence and time to the warehouse; the view CURRENT_PREDICTIONS shows them.

Then `check_drift` judges the champion's answers that no check has judged yet, and goes on with one of five: nothing, an
alert, a request for labels (with the images to look at), a request for retraining (a run of the training DAG, which
may wait for a person), or a rollback. While they are too few for a verdict they wait for the next run. After a rollback
`publish` lets the function that SQL calls answer as the restored version does; if images are left without an answer,
`rescore` starts another run, which waits until this one has ended.

**Idempotent**: an image is answered once by a version, and a run has one drift check; running it again adds no row. A
batch that fails keeps no other batch from being committed: the run then fails, naming it, and the next run takes its
images again.

What people are told waits in the outbox, a table; `deliver_alerts` delivers it. If that fails, the run does not, and
the DAG `<name>_alerts` tries again.

With nothing new, or when only a check was asked for, the run goes straight to `check_drift`; without a champion it
succeeds after `plan` and says so.
"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param

from driftgate.dag_settings import DEFAULT_ARGS, valid_pipelines
from driftgate.operators.alert import AlertOperator
from driftgate.operators.check_drift import CheckDriftOperator
from driftgate.operators.commit_predictions import CommitPredictionsOperator
from driftgate.operators.deliver_alerts import DeliverAlertsOperator
from driftgate.operators.plan import PlanOperator
from driftgate.operators.predict import PredictOperator
from driftgate.operators.report_failures import ReportFailuresOperator
from driftgate.operators.request_labels import RequestLabelsOperator
from driftgate.operators.rescore import RescoreOperator
from driftgate.operators.roll_back import RollBackOperator
from driftgate.operators.sync_catalog import SyncCatalogOperator
from driftgate.publishing import publishing_tasks
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
            "only_check": Param(
                default=False,
                type="boolean",
                description="Classify nothing: go straight to the drift check of what was answered already.",
            ),
        },
        tags=["driftgate", config.name],
    ) as dag:
        sync_catalog = SyncCatalogOperator(task_id="sync_catalog", config=config, stages=("incoming",), opens_run=True)
        plan = PlanOperator(task_id="plan", config=config, then="predict", otherwise="check_drift")
        predict = PredictOperator.partial(task_id="predict", config=config).expand(batch=plan.output)
        # One bad batch must not keep the good ones from being committed.
        commit = CommitPredictionsOperator(
            task_id="commit_predictions",
            config=config,
            answers=predict.output,
            trigger_rule="all_done_min_one_success",
        )
        # After a commit, even if a batch failed before it; after none, if plan had nothing; never after a failed one.
        check_drift = CheckDriftOperator(
            task_id="check_drift", config=config, trigger_rule="none_failed_min_one_success"
        )
        roll_back = RollBackOperator(task_id="roll_back", config=config, check=check_drift.output)
        rescore = RescoreOperator(task_id="rescore", config=config, rollback=roll_back.output)
        publishing = publishing_tasks(config)
        request_retraining = TriggerDagRunOperator(
            task_id="request_retraining",
            trigger_dag_id=f"{config.name}_training",
            # A check asks once, however often this is tried.
            trigger_run_id="drift__{{ ti.xcom_pull(task_ids='check_drift')['check_id'] }}",
            skip_when_already_exists=True,
            # A run of a paused DAG would wait for ever, and nobody would know.
            fail_when_dag_is_paused=True,
            # The evidence is read from DRIFT_CHECKS: whoever may trigger a run may write anything here.
            conf={"check_id": "{{ ti.xcom_pull(task_ids='check_drift')['check_id'] }}"},
            openlineage_inject_parent_info=False,
        )
        request_labels = RequestLabelsOperator(task_id="request_labels", config=config, check=check_drift.output)
        alert = AlertOperator(task_id="alert", check=check_drift.output)
        nothing = EmptyOperator(task_id="nothing")
        report_failures = ReportFailuresOperator(task_id="report_failures", config=config)
        deliver_alerts = DeliverAlertsOperator(task_id="deliver_alerts", config=config).as_teardown()

        sync_catalog >> plan >> predict >> commit >> check_drift
        plan >> check_drift >> [roll_back, request_retraining, request_labels, alert, nothing]
        roll_back >> publishing
        # What fails before and between these makes one of them fail with it.
        acting = [rescore, *publishing, request_retraining, request_labels, alert, nothing]
        [predict, *acting] >> report_failures
        # After acting, too: report_failures runs as soon as one task has failed.
        [*acting, report_failures] >> deliver_alerts
    return dag


for pipeline in valid_pipelines():
    globals()[f"{pipeline.name}_inference"] = inference_dag(pipeline)
