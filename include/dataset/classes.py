"""How many images the classes have, and on which sides."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from include.dataset.images import DatasetImage


class ClassRow(NamedTuple):
    """A class."""

    label: str
    n_images: int
    """Those that can be read."""
    n_unreadable: int
    n_by_side: Mapping[str, int]
    """Of those that can be read."""


class Balance(NamedTuple):
    """How evenly images are spread over classes."""

    ratio: float
    """How many times as many images the largest class has as the smallest; infinite, if that has none."""
    evenness: float
    """The entropy of the classes' shares, of what it would be if all had the same: 1 is even, 0 is one class."""


def class_rows(images: Sequence[DatasetImage]) -> list[ClassRow]:
    """Return the classes of labelled images, the largest first."""
    sides: dict[str, Counter[str]] = defaultdict(Counter)
    unreadable: Counter[str] = Counter()
    for image in images:
        if image.label is None:
            continue
        if image.statistics is None:
            unreadable[image.label] += 1
        else:
            sides[image.label][image.side] += 1
    rows = [
        ClassRow(label, sides[label].total(), unreadable[label], dict(sides[label]))
        for label in sorted({*sides, *unreadable})
    ]
    return sorted(rows, key=lambda row: -row.n_images)


def balance_of(rows: Sequence[ClassRow]) -> Balance:
    """Return how evenly images are spread over at least one class."""
    n = sum(row.n_images for row in rows)
    smallest = rows[-1].n_images
    shares = [row.n_images / n for row in rows if row.n_images]
    entropy = -sum(share * math.log(share) for share in shares)
    return Balance(
        ratio=rows[0].n_images / smallest if smallest else math.inf,
        evenness=entropy / math.log(len(rows)) if len(rows) > 1 else 0.0,
    )
