"""The answers: what the ledger says of them, who of the people counts, and whether an approval is one."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from include.config_parts import Approver
from include.handover import Handover
from include.registry.alerts import enqueue
from include.registry.approvals.requests import Request, RequestKind, tell_of_step
from include.registry.ledger import DRIFTGATE, NO_CHAMPION_SEQ, append_event, champion_event_seq
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

NOBODY = "nobody"
"""The actor of an answer that did not come in time."""


@dataclass(frozen=True, kw_only=True)
class Answer(Handover):
    """What a person answered; silence is a rejection by nobody."""

    is_approval: bool
    user: str | None
    """Who answered, by name; None: nobody did in time."""
    user_id: str | None = None
    """Who answered, as Airflow's auth manager knows them."""
    answered_at: str
    """ISO 8601, with its offset."""


@dataclass(frozen=True, kw_only=True)
class RecordedAnswer(Handover):
    """What the ledger says of a request after an answer."""

    kind: RequestKind
    version: int
    outcome: Literal["APPROVED", "REJECTED", "TIMED_OUT", "OVERRULED"]
    """OVERRULED: a person has answered, but the rules make it a rejection."""
    sentence: str

    @property
    def lets_pass(self) -> bool:
        """Whether the run may go on."""
        return self.outcome == "APPROVED"

    @property
    def run_outcome(self) -> str:
        """What a rejection makes of the run."""
        if self.kind == "retraining":
            return f"nothing was trained: {self.sentence}"
        return f"version {self.version} is not promoted: {self.sentence}"


class AnswerEvent(NamedTuple):
    """An answer as the ledger has it."""

    event_seq: int
    event: Literal["APPROVED", "REJECTED"]
    actor: str
    reason: str
    at: datetime


def read_answers(warehouse: Warehouse, request_id: str) -> list[AnswerEvent]:
    """Return what the ledger says about a request, in order."""
    return warehouse.fetch("approvals/select_answers", AnswerEvent, request_id=request_id)


def n_approvals(answers: Sequence[AnswerEvent]) -> int:
    """Return how many people have approved."""
    return len({answer.actor for answer in answers if answer.event == "APPROVED"})


def who_may_answer(request: Request, answers: Sequence[AnswerEvent]) -> tuple[Approver, ...]:
    """Return who counts and has not answered yet; nobody: anybody who may answer in Airflow, if the request lists none.

    Args:
        request: The request.
        answers: What was answered so far.
    """
    answered = {answer.actor for answer in answers}
    return tuple(user for user in request.approvers if user.name not in answered)


def what_is_asked(request: Request) -> str:
    """Return what a request is for, in a few words."""
    if request.kind == "retraining":
        return f"retraining for the drift of version {request.version} that check {request.check_id} found"
    if request.champion_event_seq == NO_CHAMPION_SEQ:
        return f"promotion of version {request.version}, the first champion"
    return f"promotion of version {request.version} in place of the champion of event {request.champion_event_seq}"


def record_answer(
    warehouse: Warehouse, answer: Answer, *, request: Request, step: int = 1, next_task_id: str | None = None
) -> RecordedAnswer:
    """Append who approved or rejected a request, and when; once for each step of it: the first answer counts.

    An answer of somebody who does not count is recorded as a rejection by the rules. An approval of a retraining for
    another champion than today's is recorded as it was given, and then rejected; that of a promotion is held by
    `promote` against all that it is bound to.

    Args:
        warehouse: A session, not in a transaction.
        answer: What was answered.
        request: The request.
        step: Which of the answers that it needs this is, from 1.
        next_task_id: The task that asks the next person, if there is one; people are told of it, too.
    """

    def append() -> list[AnswerEvent]:
        known = read_answers(warehouse, request.request_id)
        if len(known) >= step:
            return known
        _append(warehouse, answer, request, known, is_last=next_task_id is None)
        answers = read_answers(warehouse, request.request_id)
        about = {"request_id": request.request_id, "event_seq": answers[-1].event_seq}
        enqueue(warehouse, "answered", run_id=request.run_id, about=about)
        if answers[-1].event == "APPROVED" and next_task_id is not None:
            tell_of_step(warehouse, request, task_id=next_task_id, step=step + 1)
        return answers

    recorded = as_recorded(request, warehouse.alone(append))
    log.info("%s", recorded.sentence)
    return recorded


def as_recorded(request: Request, answers: Sequence[AnswerEvent]) -> RecordedAnswer:
    """Return what the latest of a request's answers (at least one) means."""
    last = answers[-1]
    outcome: Literal["APPROVED", "REJECTED", "TIMED_OUT", "OVERRULED"] = last.event
    if last.event == "REJECTED" and last.actor in {NOBODY, DRIFTGATE}:
        outcome = "TIMED_OUT" if last.actor == NOBODY else "OVERRULED"
    return RecordedAnswer(kind=request.kind, version=request.version, outcome=outcome, sentence=last.reason)


def _append(
    warehouse: Warehouse, answer: Answer, request: Request, known: Sequence[AnswerEvent], *, is_last: bool
) -> None:
    at = datetime.fromisoformat(answer.answered_at).astimezone(UTC)
    verb = "approved" if answer.is_approval else "rejected"
    said = f"{verb} by {answer.user} at {at:%Y-%m-%d %H:%M} UTC: {what_is_asked(request)}"
    if answer.user is None:
        said = f"nobody answered by {at:%Y-%m-%d %H:%M} UTC, which rejects it: {what_is_asked(request)}"
    elif not _counts(answer, request, known):
        may = ", ".join(user.name for user in who_may_answer(request, known)) or "nobody"
        overruled = f"{said}; but that does not count, as only {may} may answer, so it is rejected"
        _append_event(warehouse, request, "REJECTED", actor=DRIFTGATE, reason=overruled)
        return
    event: Literal["APPROVED", "REJECTED"] = "APPROVED" if answer.is_approval else "REJECTED"
    _append_event(warehouse, request, event, actor=answer.user or NOBODY, reason=said)
    objection = _objection(warehouse, request, n_before=n_approvals(known), is_last=is_last)
    if answer.is_approval and objection:
        _append_event(warehouse, request, "REJECTED", actor=DRIFTGATE, reason=f"{said}; but {objection}")


def _counts(answer: Answer, request: Request, known: Sequence[AnswerEvent]) -> bool:
    """Whether whoever answered is one of those who may, and has not answered before."""
    if not request.approvers:
        return True
    return any(user.id == (answer.user_id or answer.user) for user in who_may_answer(request, known))


def _objection(warehouse: Warehouse, request: Request, *, n_before: int, is_last: bool) -> str | None:
    """Return why the rules do not let an approval pass."""
    if request.kind == "retraining" and champion_event_seq(warehouse) != request.champion_event_seq:
        return "the champion has changed since that check, so nothing is trained"
    if is_last and n_before + 1 < request.n_needed:
        return f"{request.n_needed} approvals are needed, and nobody else is asked any more, so it is rejected"
    return None


def _append_event(
    warehouse: Warehouse, request: Request, event: Literal["APPROVED", "REJECTED"], *, actor: str, reason: str
) -> None:
    append_event(
        warehouse,
        event,
        version=request.version,
        run_id=request.run_id,
        reason=reason,
        actor=actor,
        request_id=request.request_id,
    )
