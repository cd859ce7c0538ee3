"""The requests: a row of APPROVAL_REQUESTS is a question that a run puts to people, and what they are shown."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from include.config_parts import Approver, ApproversConfig
from include.errors import TooFewApproversError, UnknownRequestError
from include.registry.alerts import enqueue
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

RequestKind = Literal["retraining", "promotion"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request."""

    request_id: str
    run_id: str
    """The run that waits, as RUNS names it."""
    kind: RequestKind
    check_id: str | None
    """The drift check that asked for the run, if one did."""
    version: int
    """Of a retraining the champion that drifted, of a promotion the challenger."""
    champion_event_seq: int
    """The event that made the champion that an approval would replace."""
    evidence: Mapping[str, Any]
    """What was shown, in the JSON form of what the kind shows."""
    approvers: tuple[Approver, ...]
    """Who counts; nobody: anybody who may answer does."""
    n_needed: int
    requested_at: datetime
    """UTC."""
    expires_at: datetime
    """UTC; what is not answered by then is rejected."""


class _Row(NamedTuple):
    request_id: str
    run_id: str
    kind: RequestKind
    check_id: str | None
    version: int
    champion_event_seq: int
    evidence: str
    approvers: str
    n_needed: int
    requested_at: datetime
    expires_at: datetime


def request_id_of(run_id: str, kind: RequestKind) -> str:
    """Return the id of a run's request of a kind, of which there is one at most."""
    return hashlib.sha256(json.dumps([run_id, kind]).encode()).hexdigest()[:16]


def put_request(
    warehouse: Warehouse,
    kind: RequestKind,
    *,
    run_id: str,
    task_id: str,
    check_id: str | None,
    version: int,
    champion_event_seq: int,
    evidence: Mapping[str, Any],
    approvers: ApproversConfig,
    triggered_by: str | None,
    response_hours: float,
) -> Request:
    """Store a request, unless it is there, and with it what people are told: that they are asked, and a reminder.

    Args:
        warehouse: A session, not in a transaction.
        kind: What is asked.
        run_id: The run that waits for the answer.
        task_id: The task at which it waits first.
        check_id: The drift check that asked for the run, if one did.
        version: Of a retraining the champion that drifted, of a promotion the challenger.
        champion_event_seq: The event that made the champion that an approval would replace.
        evidence: What is shown, ready for JSON.
        approvers: Who may answer.
        triggered_by: Who has triggered the run, by the name that Airflow knows; that person does not count.
        response_hours: How long it waits.

    Returns:
        The request as it is stored: what was put first counts.

    Raises:
        TooFewApproversError: Without whoever triggered the run fewer may answer than have to approve.
    """
    requested_at = datetime.now(UTC)
    values: dict[str, Any] = {
        "request_id": request_id_of(run_id, kind),
        "run_id": run_id,
        "kind": kind,
        "check_id": check_id,
        "version": version,
        "champion_event_seq": champion_event_seq,
        "evidence": json.dumps(evidence, allow_nan=False, sort_keys=True),
        "approvers": json.dumps([user.model_dump() for user in who_counts(approvers, triggered_by=triggered_by)]),
        "n_needed": approvers.n_needed,
        "requested_at": requested_at.replace(tzinfo=None),
        "expires_at": (requested_at + timedelta(hours=response_hours)).replace(tzinfo=None),
    }

    def put() -> Request:
        is_new = warehouse.run("approvals/insert_request", **values) > 0
        request = read_request(warehouse, run_id=run_id, kind=kind)
        if is_new:
            tell_of_step(warehouse, request, task_id=task_id, step=1)
        return request

    request = warehouse.alone(put)
    log.info("request %s (%s) waits for an answer until %s", request.request_id, kind, request.expires_at)
    return request


def who_counts(approvers: ApproversConfig, *, triggered_by: str | None) -> tuple[Approver, ...]:
    """Return who may answer the requests of a run: those that are listed, but not whoever has triggered it.

    Raises:
        TooFewApproversError: That leaves fewer than have to approve.
    """
    users = tuple(user for user in approvers.users if user.name != triggered_by)
    if approvers.users and len(users) < approvers.n_needed:
        raise TooFewApproversError(
            f"approvers.n_needed is {approvers.n_needed}, and without {triggered_by}, who has triggered this run, "
            f"approvers.users has only {len(users)}: let somebody else trigger it, or name more people"
        )
    return users


def tell_of_step(warehouse: Warehouse, request: Request, *, task_id: str, step: int) -> None:
    """Put into the outbox that a request waits at a task, and a reminder for half of the time that is left.

    To be called in the `alone` transaction that makes it wait there.

    Args:
        warehouse: A session, in an `alone` transaction.
        request: The request.
        task_id: The task that asks.
        step: Which of the answers that are needed it asks for, from 1.
    """
    about = {"request_id": request.request_id, "task_id": task_id, "step": step}
    enqueue(warehouse, "approval", run_id=request.run_id, about=about)
    now = datetime.now(UTC)
    half_time = now + (request.expires_at - now) / 2
    enqueue(warehouse, "reminder", run_id=request.run_id, about=about, due_at=half_time)


def find_request(warehouse: Warehouse, request_id: str) -> Request | None:
    """Return a request, or None if there is none with this id."""
    row = warehouse.fetch_one("approvals/select_request", _Row, request_id=request_id)
    if row is None:
        return None
    columns = row._asdict() | {
        "evidence": json.loads(row.evidence),
        "approvers": _approvers(json.loads(row.approvers)),
        "requested_at": row.requested_at.replace(tzinfo=UTC),
        "expires_at": row.expires_at.replace(tzinfo=UTC),
    }
    return Request(**columns)


def read_request(warehouse: Warehouse, *, run_id: str, kind: RequestKind) -> Request:
    """Return a run's request of a kind.

    Raises:
        UnknownRequestError: It has put none.
    """
    request = find_request(warehouse, request_id_of(run_id, kind))
    if request is None:
        raise UnknownRequestError(
            f"run {run_id} has put no request for a {kind}, so there is nothing to answer: run the task again that "
            "comes before the approval"
        )
    return request


def _approvers(users: Sequence[Mapping[str, str]]) -> tuple[Approver, ...]:
    return tuple(Approver.model_validate(user) for user in users)
