"""Whether another mix of classes explains a window, or the model has got worse on the same classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.config_parts import DriftConfig
from include.drift.statistics.features import Rows, compare_features, feature_rows
from include.drift.statistics.signals import SHARE_OF_RATE
from include.drift.statistics.thresholds import compare_confidences
from include.drift.statistics.window import WindowCounts
from include.models.baseline import Baseline, FeatureSample

MIN_EFFECTIVE = 30
"""Held-out images of the window's mix: fewer look like anything, and explain nothing."""
_LEEWAY = 1.5
"""How many thresholds off confidences may be where features agree: the mix is an estimate, and its error adds to the
distance, by up to half a threshold; features tell another mix from other images far better."""
_N_STEPS = 500
"""Of the iteration, which has then come to within a thousandth of where it goes."""

Shares = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ClassMix:
    """The classes of a window as far as the predicted ones tell (BBSE; Lipton et al., ICML 2018)."""

    shares: Mapping[str, float]
    """The estimated share of each true class."""
    expected_accuracy: float
    """Of the baseline's model on images of this mix."""
    explains: bool
    """Whether held-out images of this mix would look like the window: then only the mix has changed."""


def class_mix(baseline: Baseline, window: WindowCounts, *, drift: DriftConfig, seed: int) -> ClassMix | None:
    """Return the class mix of a window; None if the baseline does not know its true classes.

    The mix under which the window's predicted classes are most likely, given how the held-out images of each class were
    answered: the confusion matrix, inverted among shares that are not negative and sum to 1. A class that no held-out
    image is of has no share.

    Args:
        baseline: The version's answers to held-out images of known classes.
        window: Its answers to the window, at least one.
        drift: The false-alarm rate of all signals together, and the floor of the confidences.
        seed: Of the draws.
    """
    counts = {truth: row for truth, row in baseline.confusion.items() if sum(row.values())}
    if not counts:
        return None
    classes = tuple(counts)
    predicted = sorted({label for row in counts.values() for label in row} & window.counts_by_class.keys())
    answered = np.array([sum(window.counts_by_class[label]) for label in predicted], dtype=np.float64)
    if not answered.sum():
        return None
    confusion = np.array([[row.get(label, 0) for label in predicted] for row in counts.values()], dtype=np.float64)
    totals = np.array([sum(row.values()) for row in counts.values()], dtype=np.float64)
    shares = _most_likely_shares(confusion / totals[:, np.newaxis], answered, start=totals / totals.sum())
    recalls = np.array([row.get(truth, 0) for truth, row in counts.items()]) / totals
    mix = dict(zip(classes, shares.tolist(), strict=True))
    return ClassMix(
        shares=mix,
        expected_accuracy=float((shares * recalls).sum()),
        explains=_explains(baseline, window, mix, drift=drift, seed=seed),
    )


def _most_likely_shares(confusion: Shares, answered: Shares, *, start: Shares) -> Shares:
    """Return the shares of the true classes under which the predicted ones are most likely.

    Expectation maximisation: each step shares every predicted class out among the true ones that it may come from
    (Saerens, Latinne and Decaestecker, Neural Computation 14, 2002, on predicted classes). It keeps to the simplex.

    Args:
        confusion: P(predicted | true), [n_true, n_predicted].
        answered: How many of the window were given each class, [n_predicted].
        start: Positive shares, [n_true].
    """
    can_be = confusion.sum(axis=0) > 0  # a class that no held-out image was given says nothing of the true ones
    confusion, answered = confusion[:, can_be], answered[can_be]
    if not answered.sum():
        return start
    observed = answered / answered.sum()
    shares = start
    for _ in range(_N_STEPS):
        expected = np.maximum(shares @ confusion, np.finfo(np.float64).tiny)
        shares = shares * (confusion @ (observed / expected))
        shares = shares / shares.sum()
    return np.asarray(shares)


def _explains(
    baseline: Baseline, window: WindowCounts, mix: Mapping[str, float], *, drift: DriftConfig, seed: int
) -> bool:
    """Whether neither confidences nor features of held-out images of this mix are told from the window."""
    rate = drift.false_alarm_rate * SHARE_OF_RATE
    confidences = _of_mix(baseline.counts_by_truth, mix)
    if confidences is None:
        return False
    alike = Baseline(edges=baseline.edges, counts_by_class={"": confidences}, image_statistics={})
    comparison = compare_confidences(alike, window.counts_by_class, false_alarm_rate=rate, seed=seed)
    excess = comparison.distance / max(comparison.threshold, drift.min_distance)
    rows = feature_rows(baseline, window)
    if rows is None or baseline.features is None:
        return excess <= 1
    if excess > _LEEWAY:
        return False
    drawn = _rows_of_mix(baseline.features, mix, seed=seed)
    if len(drawn) < MIN_EFFECTIVE:
        return False
    return not compare_features(drawn, rows[1], false_alarm_rate=rate, seed=seed).differs


def _of_mix(counts_by_truth: Mapping[str, Sequence[int]], mix: Mapping[str, float]) -> tuple[int, ...] | None:
    """Return held-out images of a mix in each bin of confidence; None if there are too few to say how they look.

    Images of a class count as much as the mix has more of them. So many weighted images tell as much as
    (sum of weights)² / (sum of squared weights) images do that all count the same (Kish, 1965): as many are returned.
    """
    totals = {truth: sum(counts) for truth, counts in counts_by_truth.items() if sum(counts)}
    known = sum(share for truth, share in mix.items() if truth in totals)
    if not known:
        return None
    shares = {truth: mix.get(truth, 0.0) / known for truth in totals}
    effective = 1 / sum(shares[truth] ** 2 / n for truth, n in totals.items())
    if effective < MIN_EFFECTIVE:
        return None
    weighted = sum(np.asarray(counts_by_truth[truth]) * shares[truth] / n for truth, n in totals.items())
    # rounded where they add up: were each bin's, those below a half would all be lost
    return tuple(np.diff(np.rint(np.cumsum(weighted) * effective), prepend=0).astype(np.int64).tolist())


def _rows_of_mix(features: FeatureSample, mix: Mapping[str, float], *, seed: int) -> Rows:
    """Return the features of images of a mix, none twice, and as many as there are for it."""
    rng = np.random.default_rng((seed, 7))
    is_finite = np.isfinite(features.rows).all(axis=1)
    rows, labels = features.rows[is_finite], np.asarray(features.truth)[is_finite]
    places = {label: np.flatnonzero(labels == label) for label in mix}
    wanted = {label: share for label, share in mix.items() if len(places[label])}
    total = min((len(places[label]) / share for label, share in wanted.items() if share > 0), default=0.0)
    drawn = [rng.permutation(places[label])[: round(total * share)] for label, share in wanted.items()]
    return np.asarray(rows[np.concatenate(drawn)] if drawn else rows[:0], dtype=np.float64)
