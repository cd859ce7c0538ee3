"""What a version's answers and its held-out images looked like when it was accepted, as counts over fixed bins.

The bins are fixed once for all versions, so that counts of different windows, days and versions can be compared, and
so that a warehouse can count for itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from include.errors import ModelError


def _edges(*spans: tuple[float, float, float]) -> tuple[float, ...]:
    """Return increasing edges from spans (first, last, width) that follow each other."""
    inner = [round(low + i * width, 6) for low, high, width in spans for i in range(round((high - low) / width))]
    return (*inner, spans[-1][1])


def _growing_edges(first: float, last: float, *, per_doubling: int) -> tuple[float, ...]:
    """Return 0 and edges that grow by equal factors, so that a bin is equally narrow for small and for large values."""
    n_edges = round(np.log2(last / first) * per_doubling) + 1
    return (0.0, *(float(f"{edge:.4g}") for edge in np.geomspace(first, last, n_edges)))


CONFIDENCE_EDGES: tuple[float, ...] = _edges((0.0, 0.9, 0.02), (0.9, 0.98, 0.01), (0.98, 1.0, 0.002))
"""The edges of the 63 bins of confidence, finer near 1, where a good classifier has nearly all of its answers."""

STATISTIC_EDGES: Mapping[str, tuple[float, ...]] = {
    "short_side": _growing_edges(8, 32_768, per_doubling=4),
    "long_side": _growing_edges(8, 32_768, per_doubling=4),
    "brightness": _edges((0.0, 1.0, 0.02)),
    "contrast": _edges((0.0, 0.5, 0.01)),
    "sharpness": _growing_edges(0.00001, 16, per_doubling=2),
}
"""The edges of the bins of each statistic of `include.images.statistics`. Sides are in pixels: the shorter and the
longer one, as a camera that is turned makes no other images."""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How many values lie in each bin: from its lower edge on, up to, but without, its upper one.

    What lies above the last edge, or on it, is in the last bin.
    """

    edges: tuple[float, ...]
    """One more than there are bins, increasing."""
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A version's answers to its held-out images, and what these images look like."""

    edges: tuple[float, ...]
    """Of the bins of confidence."""
    counts_by_class: Mapping[str, tuple[int, ...]]
    """For every class of the model the images that were given it, in each bin of confidence."""
    image_statistics: Mapping[str, Histogram]
    """short_side, long_side, brightness, contrast, sharpness."""

    @property
    def counts(self) -> tuple[int, ...]:
        """The images in each bin of confidence, of whatever class."""
        return total_counts(self.counts_by_class, n_bins=len(self.edges) - 1)

    @property
    def n_images(self) -> int:
        """How many images were held out."""
        return sum(self.counts)

    @property
    def class_counts(self) -> Mapping[str, int]:
        """How many images were given each class."""
        return {label: sum(counts) for label, counts in self.counts_by_class.items()}


def total_counts(counts_by_class: Mapping[str, Sequence[int]], *, n_bins: int) -> tuple[int, ...]:
    """Return the counts of all classes together.

    Args:
        counts_by_class: Counts in each bin, by class.
        n_bins: How many bins there are, also when there is no class.
    """
    totals = np.zeros(n_bins, dtype=np.int64)
    for counts in counts_by_class.values():
        totals += np.asarray(counts, dtype=np.int64)
    return tuple(totals.tolist())


def count_confidences(
    confidences: ArrayLike,
    predicted: Sequence[str],
    *,
    classes: Sequence[str],
    edges: Sequence[float] = CONFIDENCE_EDGES,
) -> dict[str, tuple[int, ...]]:
    """Count answers by predicted class and bin of confidence.

    Args:
        confidences: The calibrated probability of each answer, [n].
        predicted: The class of each answer, [n].
        classes: All classes of the model: one that was never predicted has zeros.
        edges: The edges of the bins.

    Raises:
        ModelError: A confidence is not a number, or a predicted class is none of the model's.
    """
    values: NDArray[np.float64] = np.asarray(confidences, dtype=np.float64)
    if values.shape != (len(predicted),):
        raise ModelError(f"{len(predicted)} answers have confidences of shape {list(values.shape)}")
    if not np.isfinite(values).all():
        raise ModelError(f"{int((~np.isfinite(values)).sum())} of {len(values)} confidences are not numbers")
    number = {label: place for place, label in enumerate(classes)}
    unknown = sorted(set(predicted) - number.keys())
    if unknown:
        raise ModelError(f"{unknown[0]!r} was predicted, the classes are {', '.join(classes)}")
    n_bins = len(edges) - 1
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, n_bins - 1)
    places = np.array([number[label] for label in predicted], dtype=np.int64)
    counts = np.bincount(places * n_bins + bins, minlength=len(classes) * n_bins).reshape(len(classes), n_bins)
    return {label: tuple(counts[place].tolist()) for label, place in number.items()}
