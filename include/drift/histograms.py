"""Distances between two samples that are known as counts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]
Distances = NDArray[np.float64]

MIN_SPREAD = 0.01
"""The least standard deviation of confidences that a distance is measured in: answers that are all alike have none."""


def wasserstein_1(baseline_counts: Sequence[int], counts: Sequence[int], edges: Sequence[float]) -> float:
    """Return how far the values of a window lie from those of a baseline, in standard deviations of the baseline.

    Args:
        baseline_counts: The baseline's values in each bin.
        counts: The window's values in each bin.
        edges: The edges of the bins, one more than there are bins.

    Raises:
        ValueError: One of them holds nothing, or they do not have the same bins.
    """
    return float(wasserstein_distances(np.asarray(baseline_counts), np.asarray(counts), edges))


def total_variation(baseline_counts: Sequence[int], counts: Sequence[int]) -> float:
    """Return the share of a window that would have to be of another class for both to be the same: 0 to 1.

    Args:
        baseline_counts: How many of the baseline are of each class.
        counts: How many of the window are of each class.

    Raises:
        ValueError: As for `wasserstein_1`.
    """
    return float(total_variations(np.asarray(baseline_counts), np.asarray(counts)))


def spread(counts: ArrayLike, edges: Sequence[float]) -> Distances:
    """Return the standard deviation of binned values, at least `MIN_SPREAD`; bins stand for their midpoints.

    Args:
        counts: The values in each bin, [..., n_bins].
        edges: The edges of the bins.
    """
    shares = _shares(np.asarray(counts))
    bounds = np.asarray(edges)
    midpoints = (bounds[1:] + bounds[:-1]) / 2
    means = (shares * midpoints).sum(axis=-1, keepdims=True)
    variances = (shares * (midpoints - means) ** 2).sum(axis=-1)
    return np.asarray(np.maximum(np.sqrt(variances), MIN_SPREAD))


def wasserstein_distances(baseline_counts: Counts, counts: Counts, edges: Sequence[float]) -> Distances:
    """Return `wasserstein_1` of many pairs at once.

    In one dimension the Wasserstein-1 distance is the area between the two cumulative distributions (Vallender, 1974).
    Bins stand for their midpoints.

    Args:
        baseline_counts: [..., n_bins].
        counts: [..., n_bins].
        edges: The edges of the bins.
    """
    bounds = np.asarray(edges)
    steps = np.diff((bounds[1:] + bounds[:-1]) / 2)
    apart = np.abs(np.cumsum(_shares(baseline_counts), axis=-1) - np.cumsum(_shares(counts), axis=-1))
    area = (apart[..., :-1] * steps).sum(axis=-1)
    return np.asarray(area / spread(baseline_counts, edges))


def total_variations(baseline_counts: Counts, counts: Counts) -> Distances:
    """Return `total_variation` of many pairs at once, [..., n_classes] each."""
    return np.asarray(np.abs(_shares(baseline_counts) - _shares(counts)).sum(axis=-1) / 2)


def _shares(counts: Counts) -> NDArray[np.float64]:
    totals = counts.sum(axis=-1, keepdims=True)
    if not totals.all():
        raise ValueError("there is no distance from or to a sample that holds nothing")
    return np.asarray(counts / totals)
