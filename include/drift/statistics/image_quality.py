"""Whether the images are broken: their size, brightness, contrast, sharpness and decode failures beside the baseline's.

A distance is in standard deviations of the baseline. Sides and sharpness are compared on a logarithmic scale: twice as
large is as far as half as large.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from include.config_parts import DriftConfig
from include.drift.statistics.histograms import Counts, Distances, spread, wasserstein_distances
from include.drift.statistics.thresholds import Comparison, chance_of_as_many, compare
from include.drift.statistics.window import WindowCounts
from include.models.baseline import STATISTIC_EDGES, Baseline, Histogram

SHARE_OF_RATE = 1 / 20
"""Of `drift.false_alarm_rate`, for each statistic: the five share the quarter that the images have."""
MIN_UNDECODABLE = 5
"""Fewer images that cannot be decoded are a few bad files."""
MIN_UNDECODABLE_RISE = 0.05
"""The least rise of their share that is a jump."""
UNDECODABLE = "undecodable"

_GROWING = frozenset({"short_side", "long_side", "sharpness"})
"""Statistics whose edges grow by equal factors."""
_MIN_SPREADS: Mapping[str, float] = {
    "short_side": math.log(2) / 4,
    "long_side": math.log(2) / 4,
    "brightness": 0.05,
    "contrast": 0.025,
    "sharpness": math.log(2) / 2,
}
"""The least standard deviation of each, as far as images look different that nobody would call so: where all images of
the baseline are of one size, two of these, the size at which images are broken by default, are a factor of 1.41."""


@dataclass(frozen=True, kw_only=True)
class ImageJump:
    """A statistic of the images that has jumped."""

    statistic: str
    """short_side, long_side, brightness, contrast, sharpness or undecodable."""
    before: float
    """The baseline's median, in the statistic's unit; of `undecodable` the share."""
    now: float
    """The window's."""
    distance: float
    """In standard deviations of the baseline (of sides and sharpness: of their logarithm); of `undecodable` the
    difference of the shares."""


def compare_images(
    baseline: Baseline, window: WindowCounts, *, drift: DriftConfig, seed: int
) -> Mapping[str, Comparison]:
    """Return for each statistic that both sides know how far the window lies from the baseline.

    Args:
        baseline: How the images of the held-out side look.
        window: How those of the window look.
        drift: The false-alarm rate of all signals together.
        seed: Of the draws.
    """
    return {
        name: _compare_statistic(baseline, window, name, drift=drift, seed=(seed, 5, number))
        for number, name in enumerate(STATISTIC_EDGES)
        if _is_known(baseline, window, name)
    }


def find_jumps(
    baseline: Baseline,
    window: WindowCounts,
    comparisons: Mapping[str, Comparison],
    *,
    drift: DriftConfig,
    accepted: Sequence[Mapping[str, Histogram]] = (),
) -> tuple[ImageJump, ...]:
    """Return what has jumped, the largest jump first; empty: the images are as they were, or as a person accepted them.

    A window is as accepted if each of its statistics lies nearer to those of one accepted window than a jump is large.
    What cannot be decoded has no look that could be accepted.

    Args:
        baseline: How the images of the held-out side look.
        window: How those of the window look.
        comparisons: From `compare_images`.
        drift: From how far on a change is a jump.
        accepted: How the images of windows look that a person has declared normal.
    """
    undecodable = _undecodable_jump(baseline, window, level=drift.false_alarm_rate * SHARE_OF_RATE)
    found = [] if undecodable is None else [undecodable]
    if not any(_looks_alike(baseline, window, look, at_most=drift.min_image_jump) for look in accepted):
        found += [
            ImageJump(
                statistic=name,
                before=_median(baseline.image_statistics[name].counts, baseline.image_statistics[name].edges),
                now=_median(window.image_statistics[name], baseline.image_statistics[name].edges),
                distance=comparison.distance,
            )
            for name, comparison in comparisons.items()
            if comparison.differs and comparison.distance >= drift.min_image_jump
        ]
    return tuple(sorted(found, key=lambda jump: _times_least(jump, drift), reverse=True))


def _is_known(baseline: Baseline, window: WindowCounts, name: str) -> bool:
    of_baseline = baseline.image_statistics.get(name)
    of_window = window.image_statistics.get(name, ())
    return (
        of_baseline is not None
        and len(of_baseline.counts) == len(of_window)
        and sum(of_baseline.counts) > 0
        and sum(of_window) > 0
    )


def _compare_statistic(
    baseline: Baseline, window: WindowCounts, name: str, *, drift: DriftConfig, seed: Sequence[int]
) -> Comparison:
    histogram = baseline.image_statistics[name]
    scale = _scale(name, histogram.edges)

    def distances(baselines: Counts, windows: Counts) -> Distances:
        return wasserstein_distances(baselines, windows, scale, min_spread=_MIN_SPREADS[name])

    rate = drift.false_alarm_rate * SHARE_OF_RATE
    return compare(histogram.counts, window.image_statistics[name], distances, false_alarm_rate=rate, seed=seed)


def _scale(name: str, edges: Sequence[float]) -> tuple[float, ...]:
    """Return the edges as they are, or their logarithms, where the first bin, from 0 on, is as wide as the second."""
    if name not in _GROWING:
        return tuple(edges)
    logarithms = [math.log(edge) for edge in edges[1:]]
    return (2 * logarithms[0] - logarithms[1], *logarithms)


def _looks_alike(baseline: Baseline, window: WindowCounts, look: Mapping[str, Histogram], *, at_most: float) -> bool:
    """Whether each statistic that all three know lies nearer to a look than so many of the baseline's deviations."""
    known = [
        name
        for name, histogram in look.items()
        if name in STATISTIC_EDGES
        and _is_known(baseline, window, name)
        and len(histogram.counts) == len(window.image_statistics[name])
        and sum(histogram.counts) > 0
    ]
    return bool(known) and all(_distance_from(baseline, window, look, name) < at_most for name in known)


def _distance_from(baseline: Baseline, window: WindowCounts, look: Mapping[str, Histogram], name: str) -> float:
    scale = _scale(name, baseline.image_statistics[name].edges)
    unit = spread(baseline.image_statistics[name].counts, scale, at_least=_MIN_SPREADS[name])
    own_unit = spread(look[name].counts, scale, at_least=_MIN_SPREADS[name])
    apart = wasserstein_distances(
        look[name].counts, window.image_statistics[name], scale, min_spread=_MIN_SPREADS[name]
    )
    return float(apart * own_unit / unit)


def _median(counts: Sequence[int], edges: Sequence[float]) -> float:
    """Return the median of binned values, which lie evenly in their bins."""
    cumulative = np.concatenate([[0.0], np.cumsum(counts)])
    place = int(np.searchsorted(cumulative, cumulative[-1] / 2, side="left")) - 1
    into = (cumulative[-1] / 2 - cumulative[place]) / (cumulative[place + 1] - cumulative[place])
    return float(edges[place] + into * (edges[place + 1] - edges[place]))


def _undecodable_jump(baseline: Baseline, window: WindowCounts, *, level: float) -> ImageJump | None:
    n_window = window.n_images + window.n_invalid + window.n_undecodable
    n_baseline = baseline.n_images + baseline.n_undecodable
    if window.n_undecodable < MIN_UNDECODABLE:
        return None
    before, now = baseline.n_undecodable / max(n_baseline, 1), window.n_undecodable / n_window
    if now - before < MIN_UNDECODABLE_RISE:
        return None
    if chance_of_as_many(window.n_undecodable, n_window, baseline.n_undecodable, n_baseline) > level:
        return None
    return ImageJump(statistic=UNDECODABLE, before=before, now=now, distance=now - before)


def _times_least(jump: ImageJump, drift: DriftConfig) -> float:
    """Return how many times the least jump it is, so that jumps in different units can be ordered."""
    return jump.distance / (MIN_UNDECODABLE_RISE if jump.statistic == UNDECODABLE else drift.min_image_jump)
