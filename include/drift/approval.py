"""The answer to a request for retraining: what the ledger says of it, and whether it still counts."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from include.drift.checks import DriftCheck
from include.handover import Handover
from include.registry.ledger import DRIFTGATE, LedgerEvent, append_event, champion_event_seq, read_events
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

NOBODY = "nobody"
"""The actor of an answer that did not come in time."""


@dataclass(frozen=True, kw_only=True)
class Answer(Handover):
    """What a person answered; silence is a rejection by nobody."""

    is_approval: bool
    user: str | None
    """Who answered; None: nobody did in time."""
    answered_at: str
    """ISO 8601, with its offset."""


@dataclass(frozen=True, kw_only=True)
class RecordedAnswer(Handover):
    """An answer in the ledger."""

    outcome: Literal["APPROVED", "REJECTED", "TIMED_OUT", "STALE"]
    """STALE: approved, but the champion had changed since the check."""
    sentence: str

    @property
    def allows_training(self) -> bool:
        """Whether training may begin."""
        return self.outcome == "APPROVED"


def record_answer(warehouse: Warehouse, answer: Answer, *, check: DriftCheck, run_id: str) -> RecordedAnswer:
    """Append who approved or rejected a request for retraining, and when; once for a run: the first answer counts.

    An approval of a request about another champion than today's is recorded as it was given, and then rejected.

    Args:
        warehouse: A session, not in a transaction.
        answer: What was answered.
        check: The check that the request is about. The events are those of the champion that it measured.
        run_id: The run that waited for the answer.
    """

    def append() -> list[LedgerEvent]:
        known = _recorded(warehouse, check, run_id)
        if known:
            return known
        _append(warehouse, answer, check, run_id)
        return _recorded(warehouse, check, run_id)

    recorded = _as_answer(warehouse.alone(append))
    log.info("%s", recorded.sentence)
    return recorded


def _recorded(warehouse: Warehouse, check: DriftCheck, run_id: str) -> list[LedgerEvent]:
    events = read_events(warehouse, check.version)
    return [event for event in events if event.run_id == run_id and event.event in {"APPROVED", "REJECTED"}]


def _append(warehouse: Warehouse, answer: Answer, check: DriftCheck, run_id: str) -> None:
    about = f"retraining for the drift of version {check.version} that check {check.check_id} found"
    at = datetime.fromisoformat(answer.answered_at).astimezone(UTC)
    if answer.user is None:
        said = f"nobody answered by {at:%Y-%m-%d %H:%M} UTC, which rejects it: {about}"
    else:
        verb = "approved" if answer.is_approval else "rejected"
        said = f"{verb} by {answer.user} at {at:%Y-%m-%d %H:%M} UTC: {about}"
    append_event(
        warehouse,
        "APPROVED" if answer.is_approval else "REJECTED",
        version=check.version,
        run_id=run_id,
        reason=said,
        actor=answer.user or NOBODY,
    )
    if answer.is_approval and champion_event_seq(warehouse) != check.champion_event_seq:
        append_event(
            warehouse,
            "REJECTED",
            version=check.version,
            run_id=run_id,
            reason=f"{said}; but the champion has changed since that check, so nothing is trained",
            actor=DRIFTGATE,
        )


def _as_answer(events: list[LedgerEvent]) -> RecordedAnswer:
    last = events[-1]
    if last.event == "APPROVED":
        return RecordedAnswer(outcome="APPROVED", sentence=last.reason or "")
    outcome: Literal["REJECTED", "TIMED_OUT", "STALE"] = "REJECTED"
    if len(events) > 1:
        outcome = "STALE"
    elif last.actor == NOBODY:
        outcome = "TIMED_OUT"
    return RecordedAnswer(outcome=outcome, sentence=last.reason or "")
