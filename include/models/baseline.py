"""What a version's answers and its held-out images looked like when it was accepted, as counts over fixed bins.

The bins are fixed once for all versions, so that counts of different windows, days and versions can be compared, and
so that a warehouse can count for itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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


MAX_FEATURES = 500
"""The most images of a side that the two-sample tests of features look at."""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How many values lie in each bin: from its lower edge on, up to, but without, its upper one.

    What lies above the last edge, or on it, is in the last bin.
    """

    edges: tuple[float, ...]
    """One more than there are bins, increasing."""
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureSample:
    """Held-out images as the network sees them, projected to a few numbers each: a bounded sample."""

    rows: NDArray[np.float32]
    """[n_images, n_features], as `include.models.features` projects them."""
    truth: tuple[str, ...]
    """The true class of each image."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A version's answers to its held-out images, and what these images look like."""

    edges: tuple[float, ...]
    """Of the bins of confidence."""
    counts_by_class: Mapping[str, tuple[int, ...]]
    """For every class of the model the images that were given it, in each bin of confidence."""
    image_statistics: Mapping[str, Histogram]
    """short_side, long_side, brightness, contrast, sharpness."""
    right_by_class: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """As `counts_by_class`, of the images that were answered rightly. Empty: not known (an older release's version)."""
    counts_by_truth: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """For every true class its images in each bin of confidence, whatever they were given. Empty: not known."""
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """For every true class how many of its images were given each class. Empty: not known."""
    n_undecodable: int = 0
    """Held-out images of the snapshot that could not be decoded."""
    features: FeatureSample | None = field(default=None, compare=False)
    """None: not known."""

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


def build_baseline(
    scores: NDArray[np.float32],
    truth: NDArray[np.int64],
    *,
    classes: Sequence[str],
    features: NDArray[np.float32],
    image_statistics: Mapping[str, Histogram],
    n_undecodable: int,
) -> Baseline:
    """Count what a version answers to its held-out images, and keep a sample of what its network sees in them.

    Args:
        scores: The calibrated probability of each class, [n, n_classes].
        truth: The place of each image's true class in `classes`, [n].
        classes: The classes of the model, in the order of the scores.
        features: What the network sees in each image, as `include.models.features` projects it, [n, n_features]. With
            no features, [n, 0], the baseline knows none.
        image_statistics: How the images look.
        n_undecodable: Held-out images that could not be decoded.

    Raises:
        ModelError: A score is not a number.
    """
    confidences, predicted = scores.max(axis=1), scores.argmax(axis=1)
    is_right = predicted == truth
    pairs = np.bincount(truth * len(classes) + predicted, minlength=len(classes) ** 2).reshape(-1, len(classes))

    def count(of_images: NDArray[np.bool_] | slice, by: NDArray[np.int64]) -> dict[str, tuple[int, ...]]:
        labels = [classes[place] for place in by[of_images]]
        return count_confidences(confidences[of_images], labels, classes=classes)

    sample = evenly_spread(len(truth), at_most=MAX_FEATURES)
    return Baseline(
        edges=CONFIDENCE_EDGES,
        counts_by_class=count(slice(None), predicted),
        right_by_class=count(is_right, predicted),
        counts_by_truth=count(slice(None), truth),
        confusion={
            label: dict(zip(classes, of_label, strict=True))
            for label, of_label in zip(classes, pairs.tolist(), strict=True)
        },
        image_statistics=image_statistics,
        n_undecodable=n_undecodable,
        features=FeatureSample(rows=features[sample], truth=tuple(classes[place] for place in truth[sample]))
        if features.size
        else None,
    )


def rounded_features(features: NDArray[np.float32]) -> list[float]:
    """Return an image's features [n_features] as they are stored: no test tells four digits from all of them."""
    return [float(f"{feature:.4g}") for feature in features.tolist()]


def evenly_spread(n_images: int, *, at_most: int) -> NDArray[np.int64]:
    """Return the places of a sample of images: always the same ones, from all of them alike.

    Images come sorted by path, in which classes are often folders: each gets its share.
    """
    n_picked = min(n_images, at_most)
    return np.arange(n_picked, dtype=np.int64) * n_images // max(1, n_picked)


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
