"""What people are told of requests: that they are asked, that nobody has answered yet, and what was answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from include.drift.checks import read_check
from include.notify.approval_page import approval_subject
from include.notify.check_picture import check_picture
from include.notify.desk import Desk, Links
from include.notify.mail import Message
from include.notify.messages import approval_wanted
from include.notify.outbox import Alert
from include.notify.promotion_facts import UNKNOWN, ClassRow, accuracy_rows, change_rows, class_rows, digest_rows
from include.registry.approvals.answers import AnswerEvent, n_approvals, read_answers, who_may_answer
from include.registry.approvals.evidence import PromotionEvidence
from include.registry.approvals.requests import Request, find_request

_N_CLASSES = 5
"""How many classes a mail names; the page has them all."""


def approval(alert: Alert, desk: Desk) -> Message | None:
    """Ask for an answer to a request; None: it was answered or has expired, so the question is no longer wanted."""
    request = _open_request(alert, desk)
    return None if request is None else _question(alert, desk, request)


def reminder(alert: Alert, desk: Desk) -> Message | None:
    """Ask once more, half of the time later; None: it was answered or has expired."""
    request = _open_request(alert, desk)
    if request is None:
        return None
    question = _question(alert, desk, request)
    return replace(
        question,
        kind="reminder",
        headline=f"still unanswered: {question.headline}",
        sentences=(
            f"Half of the time is over. What is not answered by {_moment(request.expires_at)} counts as rejected.",
            *question.sentences,
        ),
    )


def answered(alert: Alert, desk: Desk) -> Message | None:
    """Tell what was answered, by whom, and what follows; None: there is no such answer."""
    request = find_request(desk.warehouse, alert.about["request_id"])
    if request is None:
        return None
    # what was answered after it has its own message
    answers = [
        answer
        for answer in read_answers(desk.warehouse, request.request_id)
        if answer.event_seq <= alert.about["event_seq"]
    ]
    if not answers:
        return None
    last = answers[-1]
    what = "the retraining" if request.kind == "retraining" else f"the promotion of version {request.version}"
    return Message(
        pipeline=desk.config.name,
        kind="answered",
        headline=f"{what} {_became(request, answers)}",
        sentences=(_what_follows(request, answers),),
        reasons=(last.reason,),
        facts=(
            ("Asked", _moment(request.requested_at)),
            ("Answered", _moment(last.at)),
            ("Decided by", last.actor),
            ("Request", request.request_id),
            ("Event", str(last.event_seq)),
        ),
        links=desk.run_link("The run", request.run_id),
    )


def _open_request(alert: Alert, desk: Desk) -> Request | None:
    """Return the request if the step of it that the alert is about still waits for an answer."""
    request = find_request(desk.warehouse, alert.about["request_id"])
    if request is None or datetime.now(UTC) >= request.expires_at:
        return None
    n_answers = len(read_answers(desk.warehouse, request.request_id))
    return request if n_answers < alert.about["step"] else None


def _question(alert: Alert, desk: Desk, request: Request) -> Message:
    message = _retraining(request, desk) if request.kind == "retraining" else _promotion(request, desk)
    return replace(
        message,
        sentences=(*message.sentences, *_people(desk, request)),
        links=(*_answer_links(alert, request, desk), *message.links),
    )


def _retraining(request: Request, desk: Desk) -> Message:
    check = read_check(desk.warehouse, str(request.check_id))
    return approval_wanted(
        desk.config.name,
        check,
        hours=_hours(request),
        links=desk.run_link("The run that found the drift", check.run_id),
        picture=check_picture(desk.store, check),
    )


def _promotion(request: Request, desk: Desk) -> Message:
    shown, version = PromotionEvidence.from_json(dict(request.evidence)), request.version
    champion = shown.champion_version
    instead = "as the first champion" if champion is None else f"in place of version {champion}"
    otherwise = (
        "Rejected: there is no champion." if champion is None else f"Rejected: version {champion} stays champion."
    )
    return Message(
        pipeline=desk.config.name,
        kind="approval",
        headline=approval_subject(desk.config.name, request).removeprefix(f"{desk.config.name}: "),
        sentences=(
            f"Version {version} has passed the gate, and waits for an answer before it goes live. Without one by "
            f"{_moment(request.expires_at)} the request counts as rejected.",
            f"Approved: exactly this version becomes champion, {instead}; if its files, its data, its evaluation or "
            f"the champion change until then, it is refused. {otherwise}",
        ),
        reasons=shown.gate_reasons,
        actions=(
            "The links open Airflow's page with the answer filled in; it counts once you have logged in and confirmed "
            "it there. The page has the figures of every class.",
        ),
        facts=(*accuracy_rows(shown), *_class_facts(shown), *_change_facts(shown), *digest_rows(shown.digests)),
        links=desk.run_link("The run that trained it", request.run_id),
    )


def _class_facts(shown: PromotionEvidence) -> list[tuple[str, str]]:
    rows = class_rows(shown)
    facts = [(f"Recall of {row.label}", _recall(row)) for row in rows[:_N_CLASSES]]
    more = len(rows) - _N_CLASSES
    if more > 0:
        facts.append(("More classes", f"{more:,}, on the page"))
    if shown.vanished_classes:
        facts.append(("Not known any more", ", ".join(shown.vanished_classes[:_N_CLASSES])))
    return facts


def _recall(row: ClassRow) -> str:
    if row.champion == UNKNOWN:
        return f"{row.challenger} ({row.n_images} images)"
    return f"{row.champion} to {row.challenger} ({row.difference}, {row.n_images} images)"


def _change_facts(shown: PromotionEvidence) -> list[tuple[str, str]]:
    n_images = sum(change.n_images for change in shown.changes)
    if shown.champion_version is None:
        return [("Images", f"{n_images:,}")]
    rows = change_rows(shown)
    if not rows:
        return [("Images", f"{n_images:,}, the champion's, with the same labels")]
    n_added = sum(change.n_added for change in shown.changes)
    n_removed = sum(change.n_removed for change in shown.changes)
    n_relabelled = sum(change.n_relabelled_to for change in shown.changes)
    changed = f"{n_added:,} added, {n_removed:,} removed, {n_relabelled:,} relabelled"
    return [("Images", f"{n_images:,}: {changed} since version {shown.champion_version}")]


def _people(desk: Desk, request: Request) -> list[str]:
    """Say who has to answer, where the pipeline file names people."""
    if not request.approvers:
        return []
    answers = read_answers(desk.warehouse, request.request_id)
    who = ", ".join(user.name for user in who_may_answer(request, answers))
    needed = f"; {n_approvals(answers)} of {request.n_needed} approvals are there" if request.n_needed > 1 else ""
    return [f"It can be answered by {who}{needed}."]


def _became(request: Request, answers: Sequence[AnswerEvent]) -> str:
    if answers[-1].event == "REJECTED":
        return "was rejected"
    n_given = n_approvals(answers)
    return "was approved" if n_given >= request.n_needed else f"has {n_given} of {request.n_needed} approvals"


def _what_follows(request: Request, answers: Sequence[AnswerEvent]) -> str:
    is_retraining = request.kind == "retraining"
    if answers[-1].event == "REJECTED":
        return f"Nothing is {'trained' if is_retraining else 'promoted'}: the champion is what it was."
    n_missing = request.n_needed - n_approvals(answers)
    if n_missing > 0:
        return f"{n_missing} more of {request.n_needed} approvals {'is' if n_missing == 1 else 'are'} needed."
    if is_retraining:
        return "A challenger is trained now, and becomes champion only if it passes the gate."
    return (
        f"Version {request.version} becomes champion now, if it is still exactly what was shown, and the champion is "
        "still the same."
    )


def _answer_links(alert: Alert, request: Request, desk: Desk) -> Links:
    options = (("Approve", "Approve"), ("Reject", "Reject"), ("The request, unanswered", None))
    links = [
        desk.answer_link(label, request.run_id, task_id=alert.about["task_id"], option=option)
        for label, option in options
    ]
    return tuple(link for found in links for link in found)


def _hours(request: Request) -> float:
    return (request.expires_at - request.requested_at).total_seconds() / 3600


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


APPROVAL_MESSAGES: Mapping[str, Callable[[Alert, Desk], Message | None]] = {
    "approval": approval,
    "reminder": reminder,
    "answered": answered,
}
