"""The evidence for and against a promotion, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.notify.markdown import bullets, table
from include.notify.promotion_facts import accuracy_rows, change_rows, class_rows, digest_rows

if TYPE_CHECKING:  # a task that only tells something needs none of what they import
    from include.registry.approvals.evidence import PromotionEvidence

_MAX_ROWS = 100
"""How many classes a table of the page has."""


def promotion_page(version: int, shown: PromotionEvidence) -> list[str]:
    """Return the lines of the evidence for and against a promotion.

    Args:
        version: The challenger.
        shown: What was gathered about it.
    """
    champion = shown.champion_version
    stays = "there is no champion, and images stay unanswered"
    if champion is not None:
        stays = f"version {champion} stays champion, and goes on answering"
    return [
        f"Version {version} has passed the gate. It does not go live before the answer.",
        "",
        f"**Approve**: exactly this version becomes champion, {_replaces(champion)}: its weights, snapshot and "
        "evaluation are compared with what is shown here once more, and the promotion is refused if they or the "
        f"champion have changed. **Reject**: {stays}.",
        "",
        "### What the gate says",
        "",
        *bullets(shown.gate_reasons),
        "",
        *table(("", ""), accuracy_rows(shown)),
        "",
        "### Recall of each class",
        "",
        *_capped(("Class", "Test images", "Champion", "Challenger", "Difference"), class_rows(shown)),
        "",
        *_vanished(shown),
        *_changes(shown),
        "",
        "### What the approval is bound to",
        "",
        *table(("", "SHA-256"), digest_rows(shown.digests)),
    ]


def _replaces(champion: int | None) -> str:
    return "the first one" if champion is None else f"in place of version {champion}"


def _vanished(shown: PromotionEvidence) -> list[str]:
    if not shown.vanished_classes:
        return []
    return ["Classes of the champion that this version does not know:", "", *bullets(shown.vanished_classes), ""]


def _changes(shown: PromotionEvidence) -> list[str]:
    rows = change_rows(shown)
    if shown.champion_version is None:
        header: tuple[str, ...] = ("Class", "Images")
        of_classes = [(change.label, f"{change.n_images:,}") for change in shown.changes]
        return ["### What it was trained on", "", *_capped(header, of_classes)]
    title = f"### What changed in the data since version {shown.champion_version}"
    if not rows:
        return [title, "", "Nothing: the same images with the same labels."]
    header = ("Class", "Images then", "Images now", "Added", "Removed", "Relabelled to it, from it")
    return [title, "", *_capped(header, rows)]


def _capped(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = table(header, rows[:_MAX_ROWS])
    more = len(rows) - _MAX_ROWS
    return [*lines, "", f"And {more:,} more classes."] if more > 0 else lines
