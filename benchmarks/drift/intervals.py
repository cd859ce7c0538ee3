"""How sure a measured share or mean is: intervals over baselines, as windows of one baseline share its luck."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

_N_RESAMPLES = 4_000


def cluster_interval(values: NDArray[np.float64], *, seed: int) -> tuple[float, float]:
    """Return the confidence interval of 95 % of a mean by drawing whole baselines again.

    Where all values are alike the bootstrap knows no doubt: then, for shares, the bound of Clopper and Pearson (1934)
    for as many independent tries as there are baselines takes its place.

    Args:
        values: [n_baselines, n_windows].
        seed: Of the draws.
    """
    return ratio_interval(values, np.ones(values.shape, dtype=np.bool_), seed=seed)


def ratio_interval(values: NDArray[np.float64], counts: NDArray[np.bool_], *, seed: int) -> tuple[float, float]:
    """Return the same interval of a mean over some of the windows, of which baselines may have different numbers.

    Args:
        values: [n_baselines, n_windows].
        counts: Which windows count, [n_baselines, n_windows].
        seed: Of the draws.
    """
    sums, numbers = (values * counts).sum(axis=1), counts.sum(axis=1)
    n = len(values)
    picked = np.random.default_rng(seed).integers(0, n, (_N_RESAMPLES, n))
    low, high = np.quantile(sums[picked].sum(axis=1) / numbers[picked].sum(axis=1), [0.025, 0.975])
    found = values[counts]
    if (found == 0).all():
        high = 1 - 0.025 ** (1 / n)
    if (found == 1).all():
        low = 0.025 ** (1 / n)
    return float(low), float(high)


def rate_percentile(alarms: NDArray[np.float64], *, share: float = 0.95) -> float:
    """Return the alarm rate that so many baselines do not exceed.

    A few windows a baseline cannot show its rate, but all of them show how far rates lie apart: a beta distribution of
    rates with the same mean and variance (Griffiths, Biometrics 1973) gives the percentile.

    Args:
        alarms: 0 or 1 of each window, [n_baselines, n_windows], at least 2 of either.
        share: Of the baselines.
    """
    n_windows = alarms.shape[1]
    mean = float(alarms.mean())
    by_chance = mean * (1 - mean) / n_windows
    between = (float(alarms.mean(axis=1).var(ddof=1)) - by_chance) * n_windows / (n_windows - 1)
    if between <= 0:
        return mean
    together = mean * (1 - mean) / between - 1
    return float(stats.beta.ppf(share, mean * together, (1 - mean) * together))
