"""Where the answers of a window would lie without drift: the band that the picture of a check shows."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.drift.statistics.histograms import Counts

_EDGES = (*(tenths / 10 for tenths in range(10)), 0.92, 0.94, 0.96, 0.98, 0.99, 1.0)
"""What is drawn, all equally wide, so that what lies near 1 can be seen: fewer bins than are compared."""
_N_DRAWS = 20_000
_MIN_BEYOND = 4
"""How many draws leave the band at the least."""

Shares = NDArray[np.float64]


class Cumulated(NamedTuple):
    """How many answers are at most how sure."""

    edges: tuple[float, ...]
    """Confidences, from the lowest to 1."""
    counts: Counts
    """The answers below each edge, [n_edges]: none below the first one, all below the last one."""

    @property
    def shares(self) -> Shares:
        """The share of the answers below each edge."""
        return np.asarray(self.counts / self.counts[-1])


class Band(NamedTuple):
    """Between what the shares below the edges lie without drift, [n_edges] each."""

    low: Shares
    high: Shares


def cumulated(counts: Sequence[int], edges: Sequence[float]) -> Cumulated:
    """Return counts below those edges that are drawn, the first and the last among them.

    Args:
        counts: The answers in each bin, at least one.
        edges: The edges of the bins.
    """
    drawn = {round(edge, 6) for edge in _EDGES}
    below = np.concatenate([[0], np.cumsum(np.asarray(counts, dtype=np.int64))])
    last = len(edges) - 1
    places = [place for place, edge in enumerate(edges) if place in {0, last} or round(edge, 6) in drawn]
    return Cumulated(edges=tuple(float(edges[place]) for place in places), counts=below[places])


def chance_band(baseline: Cumulated, window: Cumulated, *, false_alarm_rate: float, seed: int) -> Band:
    """Return the band around a baseline that a share of 1 - `false_alarm_rate` of windows without drift keeps to.

    It is simultaneous: such a window leaves it nowhere. As for the thresholds, pairs of both sizes are drawn from what
    both sides hold together. A pair is as extreme as its difference is where that has the most extreme rank; what the
    pairs span that are not among the most extreme is the band (the global rank envelope of Myllymäki et al., Journal of
    the Royal Statistical Society B 79, 2017).

    Args:
        baseline: The baseline's answers.
        window: The window's.
        false_alarm_rate: The share of windows that may leave the band somewhere.
        seed: Of the draws; the same one gives the same band.
    """
    rng = np.random.default_rng((seed, 8))
    pooled = np.diff(baseline.counts + window.counts)
    n_draws = max(_N_DRAWS, math.ceil(_MIN_BEYOND / false_alarm_rate))
    windows, baselines = (_draw(rng, pooled, int(side.counts[-1]), n_draws) for side in (window, baseline))
    apart = windows - baselines
    ordered = np.sort(apart, axis=0)
    ranks = np.min([_ranks(apart[:, place], ordered[:, place]) for place in range(apart.shape[1])], axis=0)
    kept = max(1, int(np.quantile(ranks, false_alarm_rate, method="lower")))
    around = np.concatenate([np.zeros((n_draws, 1)), ordered], axis=1)
    return Band(
        low=np.clip(baseline.shares + around[kept - 1], 0, 1),
        high=np.clip(baseline.shares + around[n_draws - kept], 0, 1),
    )


def _draw(rng: np.random.Generator, pooled: Counts, n_answers: int, n_draws: int) -> Shares:
    """Draw samples, and return their shares below each edge but the first one, [n_draws, n_bins]."""
    drawn = rng.multinomial(n_answers, pooled / pooled.sum(), n_draws)
    return np.asarray(np.cumsum(drawn, axis=1) / n_answers)


def _ranks(values: Shares, ordered: Shares) -> NDArray[np.int64]:
    """Return for each value how many are at most as large, or at least as large, whichever are fewer."""
    n_below = np.searchsorted(ordered, values, side="right")
    n_above = len(ordered) - np.searchsorted(ordered, values, side="left")
    return np.minimum(n_below, n_above)
