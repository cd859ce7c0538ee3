"""What Airflow does for a pipeline: its DAGs, and the server that takes its mails."""

from collections.abc import Iterable

from include.commands.airflow_api import AirflowApi
from include.commands.doctor.findings import Found, missing, ok, skipped
from include.commands.lifecycle import DAG_KINDS
from include.config import PipelineConfig
from include.errors import NotDeliveredError


def check_dags(api: AirflowApi, config: PipelineConfig) -> Iterable[Found]:
    """Airflow has read the pipeline's DAGs, runs them, and has a scheduler."""
    expected = {f"{config.name}_{kind}" for kind in DAG_KINDS}
    lacking = sorted(expected - api.dag_ids())
    paused = sorted(expected & api.paused_dag_ids())
    if lacking:
        reasons = "; ".join(api.import_errors()) or "no import error is told"
        yield missing(
            f"Airflow has not read {', '.join(lacking)} ({reasons})",
            mend="the file in the folder that DRIFTGATE_PIPELINES names for Airflow, and dags/ in its DAG folder",
        )
    if paused:
        yield missing(
            f"{', '.join(paused)} {'is' if len(paused) == 1 else 'are'} paused",
            mend="; ".join(f"airflow dags unpause {dag_id}" for dag_id in paused),
        )
    if not api.scheduler_is_healthy():
        yield missing("no scheduler gave a sign of life in the last half minute", mend="airflow scheduler")
    elif not lacking and not paused:
        yield ok(f"Airflow has read all {len(expected)} DAGs, and its scheduler is alive")


def check_smtp(config: PipelineConfig) -> Iterable[Found]:
    """The server that takes the pipeline's mails lets us in."""
    if not config.notify.emails:
        yield skipped("notify.emails names nobody: no mail is sent")
        return
    from driftgate.mailing import greet_server

    try:
        greet_server(config.notify)
    except NotDeliveredError as error:
        conn_id = config.notify.smtp_conn_id
        yield missing(
            f"the server of connection {conn_id} does not let us in: {error}",
            mend=f"connection {conn_id} in Airflow (host, port, login, password, from_email, disable_ssl), or "
            f"AIRFLOW_CONN_{conn_id.upper()} where this command runs",
        )
    else:
        yield ok(f"the server of connection {config.notify.smtp_conn_id} lets us in")
