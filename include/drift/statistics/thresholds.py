"""How far apart two samples of the same may lie by chance: a threshold for exactly these sizes.

A fixed threshold alarms on two thirds of the windows at one size and never at another. So both samples are drawn
again, many times, from what they hold together, and what only `false_alarm_rate` of these pairs exceed is the
threshold. On counts a draw is one multinomial draw, whatever the number of answers.
"""

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.drift.statistics.histograms import Counts, Distances, total_variations, wasserstein_distances
from include.models.baseline import Baseline, total_counts

N_RESAMPLES = 4_000
"""Pairs that are drawn: forty beyond the threshold at a false-alarm rate of 1 %."""
MAX_RESAMPLES = 20_000
"""Where more would be needed, the tail is extended, so that no threshold takes longer than a fifth of a second."""
_MIN_BEYOND = 2
"""How many pairs lie beyond the threshold at the least: the rate holds for any number, its spread gets smaller."""
_PAIRS_AT_ONCE = 4_000
"""So that the memory it takes stays below 20 MB."""
_TAIL = 0.01
"""The share of the pairs that tells how the tail falls."""

POWER = 0.8
"""The share of windows with a shift of `Comparison.smallest_shift` that show it."""
_N_SHIFTED = 400
"""Pairs that are drawn for one shift: they tell the power to within two points."""
_N_HALVINGS = 12

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
    smallest_shift: float | None = None
    """The smallest true distance that four of five windows of this size would have shown; None: not worked out."""

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
    same.

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
    drawn = np.concatenate(list(_draws(baseline, window, distance_function, false_alarm_rate, seed)))
    threshold, p_value = threshold_and_p_value(observed, drawn, false_alarm_rate=false_alarm_rate)
    return Comparison(
        distance=observed,
        threshold=threshold,
        p_value=p_value,
        n_images=int(window.sum()),
        n_baseline=int(baseline.sum()),
    )


def threshold_and_p_value(observed: float, drawn: Distances, *, false_alarm_rate: float) -> tuple[float, float]:
    """Return what at most `false_alarm_rate` of distances exceed by chance, and how often one is as large as this one.

    The p-value counts the observed distance among the drawn ones (Davison and Hinkley, Bootstrap Methods and their
    Application, 1997, section 4.2.1), and a distance that exceeds the threshold has one of at most `false_alarm_rate`.

    Where there are too few draws for the rate, the tail beyond the uppermost hundredth is taken to be exponential. The
    distances here have lighter tails, so such a threshold is a little too high, and no rate is exceeded.

    Args:
        observed: The distance that is judged.
        drawn: Distances of pairs that differ by chance alone, [n].
        false_alarm_rate: The share that the threshold leaves out.
    """
    drawn = np.sort(drawn)
    n_with_observed = len(drawn) + 1
    p_value = (n_with_observed - int(np.searchsorted(drawn, observed, side="left"))) / n_with_observed
    if false_alarm_rate * n_with_observed >= 1:
        return float(drawn[math.ceil((1 - false_alarm_rate) * n_with_observed) - 1]), p_value
    start = float(drawn[math.ceil((1 - _TAIL) * n_with_observed) - 1])
    mean_excess = max(float((drawn[drawn >= start] - start).mean()), sys.float_info.min)
    threshold = max(float(drawn[-1]), start + mean_excess * math.log(_TAIL / false_alarm_rate))
    if observed > drawn[-1]:
        in_tail = _TAIL * math.exp(-(observed - start) / mean_excess)
        p_value = min(p_value, max(in_tail, sys.float_info.min))
    return threshold, p_value


def compare_confidences(
    baseline: Baseline,
    window: Mapping[str, Sequence[int]],
    *,
    false_alarm_rate: float,
    seed: int,
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


def smallest_shift(
    counts: Sequence[int],
    edges: Sequence[float],
    *,
    n_images: int,
    threshold: float,
    seed: int | Sequence[int],
) -> float | None:
    """Return the smallest fall of all values that `POWER` of the windows would have shown, in standard deviations.

    Both sides are drawn again, the baseline from its counts and the window from the same counts moved down, and the
    fall is halved until `POWER` of the pairs are just further apart than the threshold.

    Args:
        counts: The baseline's values in each bin.
        edges: The edges of the bins.
        n_images: In a window.
        threshold: What a distance has to exceed.
        seed: Of the draws.

    Returns:
        The Wasserstein-1 distance of the shifted distribution from the baseline's; None if no shift would be shown.
    """
    rng = np.random.default_rng(seed)
    shares = np.asarray(counts) / np.sum(counts)
    baselines = rng.multinomial(np.sum(counts), shares, _N_SHIFTED)

    def true_distance(fall: float) -> float:
        return float(wasserstein_distances(shares, _moved_down(shares, edges, fall), edges))

    def is_seen(fall: float) -> bool:
        windows = rng.multinomial(n_images, _moved_down(shares, edges, fall), _N_SHIFTED)
        return bool((wasserstein_distances(baselines, windows, edges) > threshold).mean() >= POWER)

    seen = edges[-1] - edges[0]
    if not is_seen(seen):
        return None
    # a fall whose distance is a tenth of the threshold is out of sight, and so is a ten-thousandth of the range
    hidden = seen * max(1e-4, min(0.1, 0.1 * threshold / true_distance(seen)))
    for _ in range(_N_HALVINGS):
        between = math.sqrt(hidden * seen)
        hidden, seen = (hidden, between) if is_seen(between) else (between, seen)
    return true_distance(seen)


def benjamini_hochberg(p_values: Sequence[float], *, rate: float) -> list[bool]:
    """Return which of many tests speak, if at most `rate` of those that do may be wrong (Benjamini, Hochberg, 1995).

    Args:
        p_values: Of the tests.
        rate: The false-discovery rate.
    """
    n_tests = len(p_values)
    passed = [p for rank, p in enumerate(sorted(p_values), start=1) if p <= rank / n_tests * rate]
    return [bool(passed) and p <= passed[-1] for p in p_values]


def chance_of_as_many(n_hits: int, n_images: int, n_hits_baseline: int, n_baseline: int) -> float:
    """Return the probability that at least so many of all hits fall on the window (Fisher's exact test, one-sided).

    That is: at most so few on the baseline, whose hits are few, whereas those of a window may be millions.

    Args:
        n_hits: Of the window.
        n_images: In the window, the hits among them.
        n_hits_baseline: Of the baseline.
        n_baseline: In the baseline, the hits among them.
    """
    n_all_hits = n_hits + n_hits_baseline
    total = _log_binomial(n_images + n_baseline, n_all_hits)
    return math.fsum(
        math.exp(_log_binomial(n_baseline, hits) + _log_binomial(n_images, n_all_hits - hits) - total)
        for hits in range(max(0, n_all_hits - n_images), n_hits_baseline + 1)
    )


def _log_binomial(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _moved_down(shares: NDArray[np.float64], edges: Sequence[float], fall: float) -> NDArray[np.float64]:
    """Return the shares of the bins after all values fell; within a bin they lie evenly, and none falls out."""
    bounds = np.asarray(edges)
    cumulative = np.interp(bounds + fall, bounds, np.concatenate([[0.0], np.cumsum(shares)]))
    cumulative[0], cumulative[-1] = 0.0, 1.0
    moved = np.maximum(np.diff(cumulative), 0.0)
    return np.asarray(moved / moved.sum())


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
    missing = min(max(N_RESAMPLES, math.ceil(_MIN_BEYOND / false_alarm_rate)), MAX_RESAMPLES)
    while missing:
        n_pairs = min(missing, _PAIRS_AT_ONCE)
        yield distance_function(
            rng.multinomial(baseline.sum(), shares, n_pairs), rng.multinomial(window.sum(), shares, n_pairs)
        )
        missing -= n_pairs
