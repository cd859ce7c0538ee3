"""What the page says on which a person answers a request: Markdown, with everything from outside escaped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.notify.check_facts import accuracy_facts, measured
from include.notify.markdown import bullets, escaped, table
from include.notify.promotion_page import promotion_page

if TYPE_CHECKING:  # a task that only tells something needs none of what they import
    from include.drift.approval import RetrainingEvidence
    from include.drift.checks import DriftCheck
    from include.registry.approvals.answers import AnswerEvent
    from include.registry.approvals.requests import Request
    from include.warehouse.session import Warehouse


def approval_subject(pipeline: str, request: Request) -> str:
    """Return the headline of the page."""
    if request.kind == "promotion":
        return f"{pipeline}: may version {request.version} become champion?"
    return f"{pipeline}: may a new model be trained? (drift of version {request.version})"


def approval_page(warehouse: Warehouse, request: Request, answers: Sequence[AnswerEvent] = ()) -> str:
    """Return the page of a request: what an answer does, the evidence, and who has to answer by when.

    Args:
        warehouse: A session.
        request: The request.
        answers: What was answered so far.
    """
    if request.kind == "promotion":
        from include.registry.approvals.evidence import PromotionEvidence

        page = promotion_page(request.version, PromotionEvidence.from_json(dict(request.evidence)))
    else:
        from include.drift.approval import RetrainingEvidence
        from include.drift.checks import read_check

        shown = RetrainingEvidence.from_json(dict(request.evidence))
        page = retraining_page(read_check(warehouse, shown.check_id), shown)
    return "\n".join([*page, "", *_who_and_when(request, answers)])


def retraining_page(check: DriftCheck, shown: RetrainingEvidence) -> list[str]:
    """Return the lines of the evidence for and against a retraining."""
    window = f"{check.n_images:,} answers"
    if check.first_commit_seq is not None:
        window += f" (COMMIT_SEQ {check.first_commit_seq} to {check.last_commit_seq})"
    facts = [
        ("Verdict", check.verdict),
        ("Champion", f"version {check.version}"),
        ("Window", window),
        *accuracy_facts(check),
        ("New labels", str(check.statistics.get("n_new_labels", "not counted"))),
        ("Report (in the store)", check.report_path or "none"),
        ("Picture (in the store)", shown.picture_path or "none"),
        ("Check", f"{check.check_id}, {check.checked_at:%Y-%m-%d %H:%M} UTC"),
        ("Found by", check.run_id),
    ]
    return [
        f"A drift check of version {check.version} asks for a retraining. Nothing is done before the answer.",
        "",
        "**Approve**: a challenger is trained on all labelled images, and becomes champion only if it passes the "
        f"gate. **Reject**: version {check.version} stays champion, and goes on answering.",
        "",
        "### Why",
        "",
        *bullets(check.reasons),
        "",
        *table(("", ""), facts),
        "",
        *_measurements(check),
    ]


def _measurements(check: DriftCheck) -> list[str]:
    rows = [
        (
            one.name if one.of_version is None else f"{one.name} ({one.of_version})",
            f"{one.distance:.3f}",
            f"{one.threshold:.3f}",
            "" if one.p_value is None else f"{one.p_value:.2g}",
            "" if one.n_images is None else f"{one.n_images:,}",
            "" if one.n_baseline is None else f"{one.n_baseline:,}",
        )
        for one in measured(check)
    ]
    if not rows:
        return []
    return table(("Measured", "Distance", "Threshold", "p", "Answers", "Baseline images"), rows)


def _who_and_when(request: Request, answers: Sequence[AnswerEvent]) -> list[str]:
    """Return the lines that say who counts, who has answered, and what silence means."""
    lines = [f"Without an answer by {request.expires_at:%Y-%m-%d %H:%M} UTC it counts as rejected."]
    if request.n_needed > 1:
        lines.append(f"{request.n_needed} people have to approve, one after the other; the first rejection ends it.")
    if request.approvers:
        lines.append(f"Who may answer: {escaped(', '.join(user.name for user in request.approvers))}.")
    if answers:
        lines.append(f"So far: {escaped('; '.join(answer.reason for answer in answers))}.")
    return [" ".join(lines)]
