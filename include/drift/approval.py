"""The request for a retraining: what a drift check has found is put to people before anything is trained."""

from dataclasses import dataclass

from include.config import PipelineConfig
from include.drift.checks import DriftCheck
from include.handover import Handover
from include.registry.approvals.requests import Request, put_request
from include.store.files import FileStore
from include.store.reports import picture_path
from include.warehouse.session import Warehouse


@dataclass(frozen=True, kw_only=True)
class RetrainingEvidence(Handover):
    """What a request for a retraining shows; the check has all the figures, and does not change."""

    check_id: str
    verdict: str
    reasons: tuple[str, ...]
    champion_event_seq: int
    """The event of the champion that was checked."""
    report_path: str | None
    picture_path: str | None
    """In the store; None: the check has drawn none."""


def request_retraining(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    check: DriftCheck,
    *,
    run_id: str,
    task_id: str,
    triggered_by: str | None = None,
) -> Request:
    """Ask people whether a new model may be trained, once for a run.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        config: The run's config.
        check: The check that asks for the training.
        run_id: The run that waits.
        task_id: The task that waits for the first answer.
        triggered_by: Who has triggered the run, by the name that Airflow knows; that person does not count.

    Raises:
        TooFewApproversError: Too few people may answer.
    """
    # a check that goes on with what an earlier one found has no picture of its own
    picture = picture_path(str(check.statistics.get("open_drift", check.check_id)))
    shown = RetrainingEvidence(
        check_id=check.check_id,
        verdict=check.verdict,
        reasons=check.reasons,
        champion_event_seq=check.champion_event_seq,
        report_path=check.report_path,
        picture_path=picture if store.exists(picture) else None,
    )
    return put_request(
        warehouse,
        "retraining",
        run_id=run_id,
        task_id=task_id,
        check_id=check.check_id,
        version=check.version,
        champion_event_seq=check.champion_event_seq,
        evidence=shown.to_json(),
        approvers=config.approvers,
        triggered_by=triggered_by,
        response_hours=config.retraining.response_hours,
    )
