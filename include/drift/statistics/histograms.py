"""Distances between two samples that are known as counts."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]
Distances = NDArray[np.float64]

MIN_SPREAD = 0.01
"""The least standard deviation of confidences that a distance is measured in: answers that are all alike have none."""
_SMOOTHING = 0.5
"""Values that each bin gets beside its own (Jeffreys' prior): PSI is infinite where only one side has an empty bin."""


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


def other_distances(baseline_counts: Sequence[int], counts: Sequence[int]) -> Mapping[str, float]:
    """Return the distances that other monitors decide by: people compare them, nothing here is decided by them.

    Args:
        baseline_counts: The baseline's values in each bin.
        counts: The window's values in each bin.

    Raises:
        ValueError: As for `wasserstein_1`.
    """
    baseline, window = np.asarray(baseline_counts), np.asarray(counts)
    return {
        "Jensen-Shannon": float(jensen_shannon_distances(baseline, window)),
        "PSI": float(population_stability_indices(baseline, window)),
        "Kolmogorov-Smirnov": float(kolmogorov_smirnov_distances(baseline, window)),
    }


def spread(counts: ArrayLike, edges: Sequence[float], *, at_least: float = MIN_SPREAD) -> Distances:
    """Return the standard deviation of binned values; bins stand for their midpoints.

    Args:
        counts: The values in each bin, [..., n_bins].
        edges: The edges of the bins.
        at_least: What it is for values that are all alike.
    """
    shares = _shares(np.asarray(counts))
    midpoints = _midpoints(edges)
    means = (shares * midpoints).sum(axis=-1, keepdims=True)
    variances = (shares * (midpoints - means) ** 2).sum(axis=-1)
    return np.asarray(np.maximum(np.sqrt(variances), at_least))


def wasserstein_distances(
    baseline_counts: ArrayLike, counts: ArrayLike, edges: Sequence[float], *, min_spread: float = MIN_SPREAD
) -> Distances:
    """Return `wasserstein_1` of many pairs at once.

    In one dimension the Wasserstein-1 distance is the area between the two cumulative distributions (Vallender, 1974).
    Bins stand for their midpoints.

    Args:
        baseline_counts: [..., n_bins].
        counts: [..., n_bins].
        edges: The edges of the bins.
        min_spread: The least standard deviation that the distance is measured in.
    """
    apart = np.abs(_cumulative_differences(baseline_counts, counts))
    area = (apart[..., :-1] * np.diff(_midpoints(edges))).sum(axis=-1)
    return np.asarray(area / spread(baseline_counts, edges, at_least=min_spread))


def total_variations(baseline_counts: ArrayLike, counts: ArrayLike) -> Distances:
    """Return `total_variation` of many pairs at once, [..., n_classes] each."""
    return np.asarray(np.abs(_shares(baseline_counts) - _shares(counts)).sum(axis=-1) / 2)


def kolmogorov_smirnov_distances(baseline_counts: ArrayLike, counts: ArrayLike) -> Distances:
    """Return the largest differences of two cumulative distributions at an edge of a bin, [..., n_bins] each.

    Between two edges they may differ by more, at most by what one of the two has in that bin.
    """
    return np.asarray(np.abs(_cumulative_differences(baseline_counts, counts)).max(axis=-1))


def jensen_shannon_distances(baseline_counts: ArrayLike, counts: ArrayLike) -> Distances:
    """Return the square roots of the Jensen-Shannon divergences in bits, 0 to 1 (Endres and Schindelin, 2003).

    Args:
        baseline_counts: [..., n_bins].
        counts: [..., n_bins].
    """
    baseline, window = _shares(baseline_counts), _shares(counts)
    middle = (baseline + window) / 2
    divergences = (_relative_entropies(baseline, middle) + _relative_entropies(window, middle)) / 2
    return np.asarray(np.sqrt(np.maximum(divergences, 0) / np.log(2)))


def population_stability_indices(baseline_counts: ArrayLike, counts: ArrayLike) -> Distances:
    """Return the population stability indices, in nats, of counts with half a value more in each bin.

    Args:
        baseline_counts: [..., n_bins].
        counts: [..., n_bins].
    """
    baseline, window = _smoothed_shares(baseline_counts), _smoothed_shares(counts)
    return np.asarray(((window - baseline) * np.log(window / baseline)).sum(axis=-1))


def _midpoints(edges: Sequence[float]) -> NDArray[np.float64]:
    bounds = np.asarray(edges)
    return np.asarray((bounds[1:] + bounds[:-1]) / 2)


def _cumulative_differences(baseline_counts: ArrayLike, counts: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(np.cumsum(_shares(baseline_counts) - _shares(counts), axis=-1))


def _relative_entropies(shares: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Kullback-Leibler divergences in nats; an empty bin adds nothing."""
    ratios = np.divide(shares, others, out=np.ones_like(shares), where=shares > 0)
    return np.asarray((shares * np.log(ratios)).sum(axis=-1))


def _shares(counts: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(counts)
    return np.asarray(values / _totals(values))


def _smoothed_shares(counts: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(counts)
    return np.asarray((values + _SMOOTHING) / (_totals(values) + _SMOOTHING * values.shape[-1]))


def _totals(values: NDArray[np.float64] | Counts) -> NDArray[np.float64] | Counts:
    totals = values.sum(axis=-1, keepdims=True)
    if not totals.all():
        raise ValueError("there is no distance from or to a sample that holds nothing")
    return np.asarray(totals)
