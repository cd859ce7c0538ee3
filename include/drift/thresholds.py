"""How far apart two samples of the same may lie by chance: a threshold for exactly these sizes.

A fixed threshold alarms on two thirds of the windows at one size and never at another. So both samples are drawn
again, many times, from what they hold together, and what only `false_alarm_rate` of these pairs exceed is the
threshold. On counts a draw is one multinomial draw, whatever the number of answers.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.drift.histograms import Counts, Distances, total_variations, wasserstein_distances
from include.models.baseline import Baseline, total_counts

N_RESAMPLES = 4_000
"""Pairs that are drawn: forty beyond the threshold at a false-alarm rate of 1 %."""
_MIN_BEYOND = 4
"""How many pairs lie beyond the threshold at the least, which takes more pairs at rates below 0.1 %."""
_PAIRS_AT_ONCE = 4_000
"""So that the memory it takes stays below 20 MB."""

DistanceFunction = Callable[[Counts, Counts], Distances]
"""From baselines and windows, [..., n_bins] each, to their distances, [...]."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A window beside a baseline."""

    distance: float
    threshold: float
    """What the distance exceeds, without drift, in at most `false_alarm_rate` of the windows."""
    p_value: float
    """How often, without drift, it would be at least as large as it is: never 0, as the draws are finitely many."""
    n_images: int
    """In the window."""
    n_baseline: int
    """In the baseline."""

    @property
    def differs(self) -> bool:
        """Whether the distance is larger than chance explains."""
        return self.distance > self.threshold


def compare(
    baseline_counts: Sequence[int],
    counts: Sequence[int],
    distance_function: DistanceFunction,
    *,
    false_alarm_rate: float,
    seed: int | Sequence[int],
) -> Comparison:
    """Hold the distance between a baseline and a window against those of pairs that differ by chance alone.

    Both of a pair are drawn from the pooled counts: that is the hypothesis that is tested, that both came from the
    same. The p-value counts the observed pair among the drawn ones (Davison and Hinkley, Bootstrap Methods and their
    Application, 1997, section 4.2.1), and a distance that exceeds the threshold has one of at most `false_alarm_rate`.

    Args:
        baseline_counts: The baseline's values in each bin.
        counts: The window's values in the same bins.
        distance_function: The distance of many pairs at once.
        false_alarm_rate: The share of pairs that the threshold leaves out.
        seed: Of the draws; the same one gives the same comparison.

    Raises:
        ValueError: The baseline or the window holds nothing.
    """
    baseline, window = np.asarray(baseline_counts, dtype=np.int64), np.asarray(counts, dtype=np.int64)
    observed = float(distance_function(baseline[np.newaxis], window[np.newaxis])[0])
    drawn = np.sort(np.concatenate(list(_draws(baseline, window, distance_function, false_alarm_rate, seed))))
    place = math.ceil((1 - false_alarm_rate) * (len(drawn) + 1)) - 1
    n_as_large = len(drawn) - int(np.searchsorted(drawn, observed, side="left"))
    return Comparison(
        distance=observed,
        threshold=float(drawn[place]),
        p_value=(1 + n_as_large) / (1 + len(drawn)),
        n_images=int(window.sum()),
        n_baseline=int(baseline.sum()),
    )


def compare_confidences(
    baseline: Baseline, window: Mapping[str, Sequence[int]], *, false_alarm_rate: float, seed: int
) -> Comparison:
    """Compare the confidences of a window with those of a baseline, by Wasserstein-1 in standard deviations of it.

    Args:
        baseline: What the window is held against.
        window: Counts by predicted class in the baseline's bins.
        false_alarm_rate: As for `compare`.
        seed: As for `compare`.
    """

    def distances(baselines: Counts, windows: Counts) -> Distances:
        return wasserstein_distances(baselines, windows, baseline.edges)

    counts = total_counts(window, n_bins=len(baseline.edges) - 1)
    return compare(baseline.counts, counts, distances, false_alarm_rate=false_alarm_rate, seed=(seed, 0))


def compare_classes(
    baseline: Baseline, window: Mapping[str, Sequence[int]], *, false_alarm_rate: float, seed: int
) -> Comparison:
    """Compare the predicted classes of a window with those of a baseline, by total variation.

    Args:
        baseline: What the window is held against.
        window: Counts by predicted class; a class that the baseline does not know counts as well.
        false_alarm_rate: As for `compare`.
        seed: As for `compare`.
    """
    classes = sorted(baseline.counts_by_class.keys() | window.keys())
    return compare(
        [baseline.class_counts.get(label, 0) for label in classes],
        [sum(window.get(label, ())) for label in classes],
        total_variations,
        false_alarm_rate=false_alarm_rate,
        seed=(seed, 1),
    )


def _draws(
    baseline: Counts,
    window: Counts,
    distance_function: DistanceFunction,
    false_alarm_rate: float,
    seed: int | Sequence[int],
) -> Iterator[Distances]:
    """Draw pairs of the two sizes from the pooled counts, and yield their distances."""
    rng = np.random.default_rng(seed)
    pooled = baseline + window
    shares: NDArray[np.float64] = pooled / pooled.sum()
    missing = max(N_RESAMPLES, math.ceil(_MIN_BEYOND / false_alarm_rate))
    while missing:
        n_pairs = min(missing, _PAIRS_AT_ONCE)
        yield distance_function(
            rng.multinomial(baseline.sum(), shares, n_pairs), rng.multinomial(window.sum(), shares, n_pairs)
        )
        missing -= n_pairs
