"""A bounded sample of a window and its baseline, for pictures: drawn from counts, each column by itself."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.drift.statistics.window import WindowCounts
from include.models.baseline import Baseline, Histogram, total_counts

MAX_ROWS = 10_000
"""The most answers that a side is drawn with, whatever it holds."""

CONFIDENCE = "confidence"
CLASS = "predicted class"

Column = NDArray[np.float64] | NDArray[np.object_]


class DrawnSides(NamedTuple):
    """The same columns, with the same number of rows, of both sides."""

    window: Mapping[str, Column]
    baseline: Mapping[str, Column]

    @property
    def numbers(self) -> list[str]:
        """The names of the columns that are numbers: all but the predicted class."""
        return [name for name in self.baseline if name != CLASS]

    @property
    def n_rows(self) -> int:
        """How many rows each side has."""
        return len(self.baseline[CLASS])


def drawn_sides(baseline: Baseline, window: WindowCounts) -> DrawnSides:
    """Return answers of both sides that have their counts, scaled to one number of rows: so the bars of a pair compare.

    Columns are only shown by themselves, so no row is an answer: its columns have nothing to do with each other.

    Args:
        baseline: The version's answers to its held-out images, and how these look.
        window: The answers that were judged, at least one in a bin; the images' statistics as far as both know them.
    """
    n_rows = min(MAX_ROWS, max(baseline.n_images, window.n_images))
    known = {
        name: (of_baseline, Histogram(edges=of_baseline.edges, counts=window.image_statistics[name]))
        for name, of_baseline in baseline.image_statistics.items()
        if sum(of_baseline.counts) and sum(window.image_statistics.get(name, ()))
    }
    return DrawnSides(
        window=_columns(
            window.counts_by_class, baseline.edges, [(name, now) for name, (_, now) in known.items()], n_rows=n_rows
        ),
        baseline=_columns(
            baseline.counts_by_class, baseline.edges, [(name, was) for name, (was, _) in known.items()], n_rows=n_rows
        ),
    )


def scaled(counts: Sequence[int], *, n_rows: int) -> NDArray[np.int64]:
    """Return counts in the same proportions that sum to `n_rows`; what is left over goes to the largest remainders."""
    exact = np.asarray(counts, dtype=np.float64) * (n_rows / sum(counts))
    whole = np.floor(exact).astype(np.int64)
    largest_first = np.argsort(whole - exact, kind="stable")
    whole[largest_first[: n_rows - int(whole.sum())]] += 1
    return whole


def _columns(
    counts_by_class: Mapping[str, Sequence[int]],
    edges: Sequence[float],
    statistics: Iterable[tuple[str, Histogram]],
    *,
    n_rows: int,
) -> dict[str, Column]:
    confidences = total_counts(counts_by_class, n_bins=len(edges) - 1)
    of_classes = scaled([sum(counts) for counts in counts_by_class.values()], n_rows=n_rows)
    return {
        CONFIDENCE: _values(confidences, edges, n_rows=n_rows),
        CLASS: np.repeat(np.array(list(counts_by_class), dtype=object), of_classes),
        **{
            name.replace("_", " "): _values(histogram.counts, histogram.edges, n_rows=n_rows)
            for name, histogram in statistics
        },
    }


def _values(counts: Sequence[int], edges: Sequence[float], *, n_rows: int) -> NDArray[np.float64]:
    """Return values that lie evenly in their bins.

    All at its midpoint, those of a bin would fall into every other bin of a picture whose bins are not these.
    """
    bins = zip(edges[:-1], edges[1:], scaled(counts, n_rows=n_rows), strict=True)
    return np.concatenate([low + (np.arange(n) + 0.5) / n * (high - low) for low, high, n in bins if n])
