"""What the page says on which a person approves a retraining: Markdown, with everything from outside escaped."""

import html
import re
from collections.abc import Sequence

from include.drift.checks import DriftCheck
from include.notify.check_facts import accuracy_facts, measured

_MARKUP = re.compile(r"[\\`*_\[\]{}()#+!|~@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What means something inside a line of Markdown, and what makes a link of a bare address."""


def approval_subject(pipeline: str, check: DriftCheck) -> str:
    """Return the headline of the page."""
    return f"{pipeline}: may a new model be trained? (drift of version {check.version})"


def approval_page(check: DriftCheck) -> str:
    """Return the evidence for and against a retraining."""
    window = f"{check.n_images:,} answers"
    if check.first_commit_seq is not None:
        window += f" (COMMIT_SEQ {check.first_commit_seq} to {check.last_commit_seq})"
    facts = [
        ("Verdict", check.verdict),
        ("Champion", f"version {check.version}"),
        ("Window", window),
        *accuracy_facts(check),
        ("New labels", str(check.statistics.get("n_new_labels", "not counted"))),
        ("Report", check.report_path or "none"),
        ("Check", f"{check.check_id}, {check.checked_at:%Y-%m-%d %H:%M} UTC"),
        ("Found by", check.run_id),
    ]
    return "\n".join(
        [
            f"A drift check of version {check.version} asks for a retraining. Nothing is done before the answer.",
            "",
            "**Approve**: a challenger is trained on all labelled images, and becomes champion only if it passes the "
            f"gate. **Reject**: version {check.version} stays champion, and goes on answering.",
            "",
            "### Why",
            "",
            *(f"- {escaped(reason)}" for reason in check.reasons),
            "",
            *_table(("", ""), facts),
            "",
            *_measurements(check),
        ]
    )


def escaped(text: str) -> str:
    """Return a text that shows as it is in Markdown, in one line: neither markup nor HTML nor a link."""
    line = html.escape(" ".join(text.split()), quote=False)
    return _MARKUP.sub(lambda found: f"\\{found[0]}", line)


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
    return _table(("Measured", "Distance", "Threshold", "p", "Answers", "Baseline images"), rows)


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    cells = [[escaped(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *cells)]
