"""Answers as a network would give them, without one."""

from collections.abc import Sequence

import numpy as np

from include.models.baseline import CONFIDENCE_EDGES, Baseline, count_confidences

CLASSES = ("a", "b", "c")
WINDOW = 60
"""drift.window of the pipelines of these tests."""


def evenly(low: float, high: float, n: int) -> list[float]:
    """Return n confidences that lie evenly between two: the same shape for every n."""
    confidences: list[float] = (low + (np.arange(n) + 0.5) / n * (high - low)).tolist()
    return confidences


def in_turn(n: int) -> list[str]:
    """Return n predicted classes, all classes equally often."""
    return [CLASSES[place % len(CLASSES)] for place in range(n)]


def baseline_of(confidences: Sequence[float]) -> Baseline:
    """Return the baseline of a version that answered so, with all classes equally often."""
    counts = count_confidences(confidences, in_turn(len(confidences)), classes=CLASSES)
    return Baseline(edges=CONFIDENCE_EDGES, counts_by_class=counts, image_statistics={})


SURE = baseline_of(evenly(0.7, 1.0, 300))


def clean(n: int) -> list[float]:
    """Return n confidences like those of the baseline `SURE`."""
    return evenly(0.7, 1.0, n)


def unsure(n: int) -> list[float]:
    """Return n confidences that are far below those of the baseline `SURE`."""
    return evenly(0.35, 0.75, n)


def counts(confidences: list[float]) -> dict[str, tuple[int, ...]]:
    """Return answers as counts, all of class a."""
    return count_confidences(confidences, ["a"] * len(confidences), classes=CLASSES)
