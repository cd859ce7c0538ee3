"""Whether the network sees other images than it was accepted on: two-sample tests of its last hidden layer."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.drift.statistics.thresholds import Comparison, threshold_and_p_value
from include.drift.statistics.window import WindowCounts
from include.models.baseline import Baseline

MAX_TRUSTED_AUC = 0.95
"""Images that a linear classifier tells from the baseline's better than this are of another world: there, estimates of
the accuracy from confidences are off by any amount."""

N_PERMUTATIONS = 2_000
MAX_PERMUTATIONS = 8_000
"""Where more would be needed, the tail of the distances is extended."""

N_FOLDS = 5
MIN_FEATURES = 2 * N_FOLDS
"""With fewer images of either side their features are not looked at."""
_SHRINKAGE = 0.1
"""How much of the covariance is replaced by an equal one of all features. They are whitened, so that is not far off."""
_Z = 1.959964
"""The normal quantile of intervals of 95 %."""
_OF_FOLDS = 1.3
"""How much more the area varies than that of one discriminant, as those of the folds share most of their rows (1.25 to
1.4, measured on samples of the same with 350 and 200, 350 and 50, 100 and 30 rows)."""
_STEPS = 50
"""Halvings of an interval of length 1: below the precision of a float."""

Rows = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How well a linear classifier tells the window's images from the baseline's, by cross-validation."""

    auc: float
    """0.5: not at all; 1: always."""
    low: float
    high: float
    """The confidence interval of 95 %."""

    @property
    def is_trusted(self) -> bool:
        """Whether the images are enough like the baseline's for its confidences to mean something."""
        return self.auc < MAX_TRUSTED_AUC


def feature_rows(baseline: Baseline, window: WindowCounts) -> tuple[Rows, Rows] | None:
    """Return the features of both sides, [n, n_features] each; None if one of them has too few.

    Rows that are no numbers are left out.
    """
    if baseline.features is None or not window.features.size:
        return None
    sides = (_finite(baseline.features.rows), _finite(window.features))
    return sides if min(len(side) for side in sides) >= MIN_FEATURES else None


def compare_features(
    baseline: NDArray[np.floating], window: NDArray[np.floating], *, false_alarm_rate: float, seed: int
) -> Comparison:
    """Compare two samples by the maximum mean discrepancy with a Gaussian kernel, against permutations of both.

    The distance is the square root of the unbiased estimate (Gretton et al., JMLR 13, 2012, equation 3), 0 where that
    is negative: it grows in proportion to a small difference of the means. The kernel's width is the median distance of
    all pairs, whichever side they are of, so that permutations are exact.

    Args:
        baseline: [n, n_features], at least two rows.
        window: [n, n_features], at least two rows.
        false_alarm_rate: The share of pairs of samples of the same that may exceed the threshold.
        seed: Of the permutations.

    Raises:
        ValueError: There are too few rows, they have other features, or one is not a number.
    """
    rows = _pooled(baseline, window, at_least=2)
    n_baseline, n_window = len(baseline), len(window)
    rng = np.random.default_rng((seed, 3))
    n_permutations = min(max(N_PERMUTATIONS, math.ceil(2 / false_alarm_rate)), MAX_PERMUTATIONS)
    sides = np.zeros((n_permutations + 1, len(rows)), dtype=np.float32)
    sides[:, :n_baseline] = 1
    rng.permuted(sides[1:], axis=1, out=sides[1:])
    distances = _discrepancies(_kernel(rows), sides, n_baseline, n_window)
    observed = float(distances[0])
    threshold, p_value = threshold_and_p_value(observed, distances[1:], false_alarm_rate=false_alarm_rate)
    return Comparison(distance=observed, threshold=threshold, p_value=p_value, n_images=n_window, n_baseline=n_baseline)


def separate(baseline: NDArray[np.floating], window: NDArray[np.floating], *, seed: int) -> Separation:
    """Return how well the two samples can be told apart.

    Each row is scored by a linear discriminant of the other folds' rows. The area under the curve has Newcombe's
    interval (Statistics in Medicine 25, 2006, method 5), which keeps a width where the two are told apart always.

    Args:
        baseline: [n, n_features], at least `MIN_FEATURES` rows.
        window: [n, n_features], at least `MIN_FEATURES` rows.
        seed: Of the folds.

    Raises:
        ValueError: As for `compare_features`.
    """
    _pooled(baseline, window, at_least=MIN_FEATURES)
    sides = (baseline.astype(np.float64), window.astype(np.float64))
    rng = np.random.default_rng((seed, 4))
    folds = [rng.permutation(len(side)) % N_FOLDS for side in sides]
    scores = [np.empty(len(side)) for side in sides]
    for fold in range(N_FOLDS):
        direction, middle = _discriminant(*(side[of != fold] for side, of in zip(sides, folds, strict=True)))
        for side, of, scored in zip(sides, folds, scores, strict=True):
            scored[of == fold] = (side[of == fold] - middle) @ direction
    auc = _area_under_curve(*scores)
    low, high = _area_interval(auc, len(baseline), len(window))
    return Separation(auc=auc, low=low, high=high)


def separate_window(baseline: Baseline, window: WindowCounts, *, seed: int) -> Separation | None:
    """Return how well a window's images are told from the baseline's; None if too few features are known."""
    rows = feature_rows(baseline, window)
    return None if rows is None else separate(*rows, seed=seed)


def _finite(rows: NDArray[np.float32]) -> Rows:
    return np.asarray(rows[np.isfinite(rows).all(axis=1)], dtype=np.float64)


def _pooled(baseline: NDArray[np.floating], window: NDArray[np.floating], *, at_least: int) -> Rows:
    if baseline.shape[1:] != window.shape[1:]:
        raise ValueError(f"features of shape {list(baseline.shape)} cannot be compared with {list(window.shape)}")
    fewest = min(len(baseline), len(window))
    if fewest < at_least:
        raise ValueError(f"features of at least {at_least} images of either side are needed, there are {fewest}")
    rows = np.concatenate([baseline, window]).astype(np.float64)
    if not np.isfinite(rows).all():
        raise ValueError(f"the features of {int((~np.isfinite(rows).all(axis=1)).sum())} images are not numbers")
    return rows


def _kernel(rows: Rows) -> NDArray[np.float32]:
    """Return exp(-d² / median d²) of all pairs, without each row's with itself."""
    squares = (rows**2).sum(axis=1)
    squared = np.maximum(squares[:, np.newaxis] + squares - 2 * rows @ rows.T, 0)
    apart = squared[np.triu_indices(len(rows), 1)]
    # where most pairs are alike the median is 0, which is no width
    width = float(np.median(apart)) or float(apart.mean()) or 1.0
    kernel = np.exp(-squared / width)
    np.fill_diagonal(kernel, 0)
    return np.asarray(kernel, dtype=np.float32)


def _discrepancies(
    kernel: NDArray[np.float32], sides: NDArray[np.float32], n_baseline: int, n_window: int
) -> NDArray[np.float64]:
    """Return the distance for each row of sides, which is 1 for the images of the baseline's side, [n_permutations]."""
    per_image = kernel.sum(axis=1, dtype=np.float64)
    within_baseline = np.einsum("pi,pi->p", sides @ kernel, sides, dtype=np.float64)
    from_baseline = sides @ per_image
    across = from_baseline - within_baseline
    within_window = per_image.sum() - from_baseline - across
    squared = (
        within_baseline / (n_baseline * (n_baseline - 1))
        + within_window / (n_window * (n_window - 1))
        - 2 * across / (n_baseline * n_window)
    )
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def _discriminant(baseline: Rows, window: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Fisher's discriminant: the direction along which the two differ most, and the point between them."""
    centres = baseline.mean(axis=0), window.mean(axis=0)
    residuals = np.concatenate([baseline - centres[0], window - centres[1]])
    covariance = residuals.T @ residuals / len(residuals)
    n_features = len(covariance)
    level = max(float(np.trace(covariance)) / n_features, np.finfo(np.float64).tiny)
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * level * np.eye(n_features)
    return np.linalg.solve(shrunk, centres[1] - centres[0]), (centres[0] + centres[1]) / 2


def _area_under_curve(baseline: NDArray[np.float64], window: NDArray[np.float64]) -> float:
    """Return how often a score of the window is above one of the baseline; a tie counts half."""
    ordered = np.sort(baseline)
    below = np.searchsorted(ordered, window, side="left")
    up_to = np.searchsorted(ordered, window, side="right")
    return float((below + up_to).mean() / 2 / len(baseline))


def _area_interval(auc: float, n_baseline: int, n_window: int) -> tuple[float, float]:
    """Return the least and the largest area whose own standard error (Hanley and McNeil, 1982) reaches to this one."""

    def is_within(area: float) -> bool:
        others = (n_baseline + n_window) / 2 - 1
        variance = area * (1 - area) / (n_baseline * n_window)
        variance *= 1 + others * ((1 - area) / (2 - area) + area / (1 + area))
        return abs(area - auc) <= _Z * _OF_FOLDS * math.sqrt(variance)

    return _last_within(is_within, auc, 0.0), _last_within(is_within, auc, 1.0)


def _last_within(is_within: Callable[[float], bool], inside: float, outside: float) -> float:
    for _ in range(_STEPS):
        between = (inside + outside) / 2
        inside, outside = (between, outside) if is_within(between) else (inside, between)
    return inside
