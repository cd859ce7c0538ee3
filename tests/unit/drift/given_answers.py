"""Answers as a network would give them, without one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from include.drift.statistics.window import WindowCounts
from include.models.baseline import CONFIDENCE_EDGES, STATISTIC_EDGES, Baseline, Histogram, count_confidences

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
    """Return the baseline of a version that answered so, with all classes equally often.

    It is as often right as it is confident.
    """
    labels = in_turn(len(confidences))
    times_right = np.floor(np.cumsum(confidences))
    is_right = np.diff(times_right, prepend=0.0) > 0
    right = [place for place in range(len(confidences)) if is_right[place]]
    return Baseline(
        edges=CONFIDENCE_EDGES,
        counts_by_class=count_confidences(confidences, labels, classes=CLASSES),
        image_statistics={},
        right_by_class=count_confidences(
            [confidences[place] for place in right], [labels[place] for place in right], classes=CLASSES
        ),
    )


SURE = baseline_of(evenly(0.7, 1.0, 300))
"""Its accuracy is 0.85."""
OLD = replace(SURE, right_by_class={})
"""Of an earlier release, which did not keep which answers were right."""

LIT = replace(
    SURE,
    image_statistics={
        "brightness": Histogram(
            edges=STATISTIC_EDGES["brightness"],
            counts=tuple(np.histogram(evenly(0.4, 0.6, 300), STATISTIC_EDGES["brightness"])[0].tolist()),
        )
    },
)
"""Of images whose brightness lies between 0.4 and 0.6."""


def clean(n: int) -> list[float]:
    """Return n confidences like those of the baseline `SURE`."""
    return evenly(0.7, 1.0, n)


def unsure(n: int) -> list[float]:
    """Return n confidences that are far below those of the baseline `SURE`."""
    return evenly(0.35, 0.75, n)


def less_sure(n: int) -> list[float]:
    """Return n confidences below those of the baseline `SURE`, but not so far that one window suffices to act."""
    return evenly(0.66, 0.93, n)


def counts(confidences: Sequence[float]) -> WindowCounts:
    """Return answers as counts, with all classes equally often."""
    return WindowCounts(counts_by_class=count_confidences(confidences, in_turn(len(confidences)), classes=CLASSES))
