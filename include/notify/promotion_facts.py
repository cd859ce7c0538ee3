"""A challenger against the champion in rows of text, for a page and for a mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # a task that only tells something needs none of what they import
    from include.registry.approvals.evidence import ClassChange, ClassFigures, Digests, PromotionEvidence

UNKNOWN = "-"
"""What stands where there is no figure."""


class ClassRow(NamedTuple):
    """How much of a class champion and challenger recognise, as text."""

    label: str
    n_images: str
    champion: str
    challenger: str
    difference: str


class ChangeRow(NamedTuple):
    """What became of the images of a class, as text."""

    label: str
    champion: str
    challenger: str
    added: str
    removed: str
    relabelled: str


def class_rows(shown: PromotionEvidence) -> list[ClassRow]:
    """Return a row for each class that the challenger knows, those that lose most first."""
    return [
        ClassRow(
            of_class.label,
            f"{of_class.n_images:,}",
            _share(of_class.champion_recall),
            _share(of_class.recall),
            UNKNOWN if of_class.difference is None else f"{of_class.difference:+.3f}",
        )
        for of_class in sorted(shown.classes, key=_loss)
    ]


def change_rows(shown: PromotionEvidence) -> list[ChangeRow]:
    """Return a row for each class whose images are not those that the champion was trained on."""
    return [
        ChangeRow(
            change.label,
            f"{change.n_before:,}",
            f"{change.n_images:,}",
            _signed(change.n_added, "+"),
            _signed(change.n_removed, "-"),
            ", ".join(filter(None, [_signed(change.n_relabelled_to, "+"), _signed(change.n_relabelled_from, "-")])),
        )
        for change in shown.changes
        if _has_changed(change)
    ]


def accuracy_rows(shown: PromotionEvidence) -> list[tuple[str, str]]:
    """Return how accurate the two are, as names and values."""
    rows = [("Test accuracy", f"{shown.accuracy:.3f} on {shown.n_test_images:,} images")]
    if shown.champion_accuracy is not None and shown.compared_accuracy is not None:
        rows.append(
            (
                f"Champion (version {shown.champion_version})",
                f"{shown.champion_accuracy:.3f}, the challenger {shown.compared_accuracy:.3f} on the same images",
            )
        )
    elif shown.champion_version is None:
        rows.append(("Champion", "none yet"))
    return rows


def digest_rows(digests: Digests) -> list[tuple[str, str]]:
    """Return what an approval is bound to, as names and the beginnings of digests."""
    return [
        ("Weights", f"{digests.weights[:16]}…"),
        ("Card", f"{digests.card[:16]}…"),
        ("Snapshot", f"{digests.snapshot[:16]}…"),
        ("Evaluation", f"{digests.evaluation[:16]}…"),
    ]


def _loss(of_class: ClassFigures) -> tuple[float, str]:
    return (0.0 if of_class.difference is None else of_class.difference, of_class.label)


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"


def _signed(n: int, sign: str) -> str:
    return f"{sign}{n:,}" if n else ""


def _has_changed(change: ClassChange) -> bool:
    return bool(change.n_added or change.n_removed or change.n_relabelled_to or change.n_relabelled_from)
