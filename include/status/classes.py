"""What the champion takes for what: the most confused classes, and each class by itself.

Held-out images are counted once, when a version is accepted; of new images only those count that people have labelled
and that were picked at random. Nothing here has a row for each pair of classes: ten thousand of them have 10^8.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal, NamedTuple, get_args

from include.status.champion import read_in_production
from include.warehouse.session import Warehouse

MATRIX_CLASSES = 20
"""A matrix of more classes cannot be read: it shows those that are confused most."""
_N_PAIRS = 20
PAGE_SIZE = 50
"""Rows of the table of classes on a page."""

SortKey = Literal["recall", "precision", "n_held_out", "n_answered", "measured", "label"]
SORT_KEYS: tuple[SortKey, ...] = get_args(SortKey)
"""By what the table of classes can be sorted."""


class Confused(NamedTuple):
    """Images of one class that were taken for another one."""

    truth: str
    given: str
    n_images: int
    share: float
    """Of the images of the true class."""


@dataclass(frozen=True, kw_only=True)
class ClassLine:
    """How the champion does on one class."""

    label: str
    n_held_out: int
    """Held-out images of this class."""
    precision: float | None
    """Of the held-out images that were taken for this class, the share that is of it; None: there is none."""
    recall: float | None
    """Of the held-out images of this class, the share that was recognised; None: there is none."""
    mistaken_for: str | None
    """What its images are taken for most often, if not for itself; None: all are recognised."""
    n_answered: int
    """New images that were taken for this class."""
    n_labelled: int
    """New images of this class that people have labelled, picked at random."""
    n_labelled_right: int

    @property
    def measured(self) -> float | None:
        """Of the labelled new images of this class, the share that was recognised; None: there is none."""
        return self.n_labelled_right / self.n_labelled if self.n_labelled else None


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """How many images of the class of the row were given the class of the column."""

    labels: tuple[str, ...]
    """Of rows and columns alike."""
    counts: tuple[tuple[int, ...], ...]
    is_whole: bool
    """False: it shows the most confused classes alone."""


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The panel: how the champion tells its classes apart."""

    version: int | None
    """The champion; None: there is none yet."""
    n_held_out: int
    """Held-out images (validation and test side); 0: an older release, which did not keep them, has registered it."""
    n_labelled: int
    """Labelled new images."""
    matrix: Matrix | None
    """Of the held-out images."""
    confused: tuple[Confused, ...]
    """The pairs that were confused most often, on the held-out images."""
    lines: tuple[ClassLine, ...]
    """All classes, by their names."""


class ClassPage(NamedTuple):
    """A page of the table of classes."""

    lines: tuple[ClassLine, ...]
    page: int
    """From 1 on."""
    n_pages: int
    n_found: int
    """Classes that have been looked for."""


class _ConfusionRow(NamedTuple):
    confusion: str | None


class _ClassCount(NamedTuple):
    label: str
    n_images: int


class Pair(NamedTuple):
    """How many images of a class were given a class, the same or another one."""

    label: str
    given: str
    n_images: int


def read_classes(warehouse: Warehouse) -> Classes:
    """Return how the champion tells its classes apart.

    Args:
        warehouse: A session on the pipeline's schema.
    """
    champion = read_in_production(warehouse)
    if champion is None:
        return Classes(version=None, n_held_out=0, n_labelled=0, matrix=None, confused=(), lines=())
    row = warehouse.fetch_one("status/select_confusion", _ConfusionRow, version=champion.version)
    held_out = confusion_pairs(json.loads(row.confusion or "null") or {} if row else {})
    answered = warehouse.fetch("status/count_answers_by_class", _ClassCount, version=champion.version)
    labelled = warehouse.fetch("status/count_labelled_pairs", Pair, version=champion.version)
    known = {pair.label for pair in held_out} | {row.label for row in answered} | {pair.label for pair in labelled}
    return Classes(
        version=champion.version,
        n_held_out=sum(pair.n_images for pair in held_out),
        n_labelled=sum(pair.n_images for pair in labelled),
        matrix=readable_matrix(held_out) if held_out else None,
        confused=confused_pairs(held_out)[:_N_PAIRS],
        lines=_lines(sorted(known), held_out, {row.label: row.n_images for row in answered}, labelled),
    )


def class_page(lines: Sequence[ClassLine], *, sort: SortKey, is_descending: bool, search: str, page: int) -> ClassPage:
    """Return a page of the table of classes; one beyond the last is the last one.

    Args:
        lines: All classes, by their names.
        sort: By what they are sorted; classes of which that is not known come last, either way.
        is_descending: Whether the largest comes first.
        search: A part of a class's name, in any case; empty: all.
        page: From 1 on.
    """
    found = [line for line in lines if search.casefold() in line.label.casefold()]
    known = [line for line in found if getattr(line, sort) is not None]
    unknown = [line for line in found if getattr(line, sort) is None]
    known.sort(key=lambda line: getattr(line, sort), reverse=is_descending)
    n_pages = max(1, ceil(len(found) / PAGE_SIZE))
    page = min(max(1, page), n_pages)
    shown = (*known, *unknown)[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return ClassPage(lines=tuple(shown), page=page, n_pages=n_pages, n_found=len(found))


def confusion_pairs(confusion: Mapping[str, Mapping[str, int]]) -> list[Pair]:
    """Return the pairs that occurred, and each class with itself, be it never."""
    return [
        Pair(label, given, n_images)
        for label, of_label in confusion.items()
        for given, n_images in {label: 0, **of_label}.items()
        if n_images or given == label
    ]


def confused_pairs(pairs: Iterable[Pair]) -> tuple[Confused, ...]:
    """Return the pairs of different classes, the most frequent first."""
    pairs = list(pairs)
    n_of_class: Counter[str] = Counter()
    for pair in pairs:
        n_of_class[pair.label] += pair.n_images
    wrong = [
        Confused(pair.label, pair.given, pair.n_images, pair.n_images / n_of_class[pair.label])
        for pair in pairs
        if pair.label != pair.given
    ]
    return tuple(sorted(wrong, key=lambda one: (-one.n_images, -one.share, one.truth, one.given)))


def readable_matrix(pairs: Sequence[Pair]) -> Matrix:
    """Return the confusion matrix of all classes, or of those that are confused most."""
    labels = sorted({pair.label for pair in pairs} | {pair.given for pair in pairs})
    shown = labels if len(labels) <= MATRIX_CLASSES else sorted(_most_confused(pairs))
    counts = {(pair.label, pair.given): pair.n_images for pair in pairs}
    return Matrix(
        labels=tuple(shown),
        counts=tuple(tuple(counts.get((truth, given), 0) for given in shown) for truth in shown),
        is_whole=len(shown) == len(labels),
    )


def _most_confused(pairs: Iterable[Pair]) -> set[str]:
    """Return the classes of the most frequent mistakes, as many as a matrix shows; without mistakes any."""
    pairs = list(pairs)
    chosen: set[str] = set()
    for mistake in confused_pairs(pairs):
        both = {mistake.truth, mistake.given}
        if len(chosen | both) > MATRIX_CLASSES:
            break
        chosen |= both
    return chosen or {pair.label for pair in pairs[:MATRIX_CLASSES]}


def _lines(
    labels: Iterable[str], held_out: Iterable[Pair], answered: Mapping[str, int], labelled: Iterable[Pair]
) -> tuple[ClassLine, ...]:
    of_class, given, right, mistakes = _counted(held_out)
    n_labelled, _, n_labelled_right, _ = _counted(labelled)
    return tuple(
        ClassLine(
            label=label,
            n_held_out=of_class[label],
            precision=right[label] / given[label] if given[label] else None,
            recall=right[label] / of_class[label] if of_class[label] else None,
            mistaken_for=mistakes[label].given if label in mistakes else None,
            n_answered=answered.get(label, 0),
            n_labelled=n_labelled[label],
            n_labelled_right=n_labelled_right[label],
        )
        for label in labels
    )


def _counted(pairs: Iterable[Pair]) -> tuple[Counter[str], Counter[str], Counter[str], dict[str, Pair]]:
    """Return of each class its images, those taken for it, those recognised, and its most frequent mistake."""
    of_class: Counter[str] = Counter()
    given: Counter[str] = Counter()
    right: Counter[str] = Counter()
    mistakes: dict[str, Pair] = {}
    for pair in pairs:
        of_class[pair.label] += pair.n_images
        given[pair.given] += pair.n_images
        if pair.given == pair.label:
            right[pair.label] += pair.n_images
        elif pair.label not in mistakes or pair.n_images > mistakes[pair.label].n_images:
            mistakes[pair.label] = pair
    return of_class, given, right, mistakes
