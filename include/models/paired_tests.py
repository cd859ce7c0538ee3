"""What two models' answers to the same images show: tests on the images on which only one of the two is right.

Both tests ask whether the challenger's share of right answers is lower than the champion's by more than a margin, and
both look at the discordant images: those on which only the champion, or only the challenger, is right.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

CONFIDENCE = 0.95
"""Of the one-sided bounds: an equally good challenger is beyond such a bound in 5 % of cases."""
LEVEL = 0.05
"""The share of equally good challengers, all their classes taken together, of which some class is refused."""

_NORMAL = NormalDist()
_QUANTILE = _NORMAL.inv_cdf(CONFIDENCE)
_STEPS = 60
"""Halvings of an interval of length 2: below the precision of a float."""


class Discordant(NamedTuple):
    """Two models' answers to the same images, as far as they differ."""

    n_images: int
    n_only_champion: int
    """Images on which only the champion is right."""
    n_only_challenger: int
    """Images on which only the challenger is right."""

    @property
    def drop(self) -> float:
        """The share of right answers that the challenger has lost; below 0: it has won some. For at least one image."""
        return (self.n_only_champion - self.n_only_challenger) / self.n_images


def score(images: Discordant, margin: float) -> float:
    """Return how many standard errors the drop lies above a margin.

    Tango's score statistic (Tango 1998, Statistics in Medicine 17, pages 891 to 908, section 2): the standard error is
    that of the most likely shares under a true drop of exactly the margin. With a margin of 0 it is McNemar's.

    Args:
        images: At least one.
        margin: A share of the images, from -1 to 1.
    """
    n, b, c = images
    linear = (2 * n - b + c) * margin - b - c
    root = math.sqrt(max(0.0, linear**2 + 8 * n * c * margin * (1 - margin)))
    only_challenger = (root - linear) / (4 * n)
    variance = n * (2 * only_challenger + margin * (1 - margin))
    excess = b - c - n * margin
    if variance > 0:
        return excess / math.sqrt(variance)
    return math.copysign(math.inf, excess) if excess else 0.0


def shows_drop(images: Discordant, margin: float) -> bool:
    """Whether the images show, with the confidence of `CONFIDENCE`, a drop of more than a margin."""
    return images.n_images > 0 and score(images, margin) > _QUANTILE


def lower_bound(images: Discordant) -> float:
    """Return the one-sided lower bound of the drop: the margin at which the score is the quantile (Tango 1998).

    Args:
        images: At least one.
    """
    low, high = -1.0, images.drop
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if score(images, middle) > _QUANTILE else (low, middle)
    return low


def smallest_shown(images: Discordant, margin: float) -> float | None:
    """Return the smallest drop of which these images could have shown that it is more than a margin.

    That is the smallest observed drop for which `shows_drop` holds, given how many images only the challenger gets
    right; None if not even the largest would do.
    """
    n, _, c = images
    if not shows_drop(Discordant(n, n - c, c), margin):
        return None
    shown, not_shown = n - c, -1
    while shown - not_shown > 1:
        middle = (shown + not_shown) // 2
        shown, not_shown = (middle, not_shown) if shows_drop(Discordant(n, middle, c), margin) else (shown, middle)
    return Discordant(n, shown, c).drop


def exact_p_value(images: Discordant, margin: float) -> float:
    """Return how likely at least so many images that only the champion gets right are, if the drop is the margin.

    Given the number m of discordant images, those that only the champion gets right are binomial. Their share is 1/2
    if the drop is 0 (Liddell 1983, Journal of Epidemiology and Community Health 37, pages 82 to 84): then the test is
    exact. A drop of the margin makes it (margin x n / (expected m) + 1) / 2, where m stands for the expected m. That
    estimate fails in large classes whose answers differ in little more than the margin: there Tango's score test, which
    holds, gives the larger p-value, and the larger one counts. Enumerated over all tables, with margins from 0 to 0.2
    and 10 to 500 images, at most 6.8 % of drops of exactly the margin have a p-value up to 0.05.

    Args:
        images: At least one.
        margin: A share of the images, from 0 on.
    """
    n, b, c = images
    m = b + c
    share = (margin * n / m + 1) / 2 if m else 1.0
    if share >= 1:
        return 1.0
    tail = binomial_tail(b, m, share)
    return max(tail, 1 - _NORMAL.cdf(score(images, margin))) if margin else tail


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979), in the order given."""
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected


def binomial_tail(k: int, n: int, share: float) -> float:
    """Return the probability of at least k hits in n tries, for a share between 0 and 1."""
    logarithms = (math.lgamma(n + 1), math.log(share), math.log1p(-share))
    tail = math.fsum(
        math.exp(
            logarithms[0]
            - math.lgamma(hits + 1)
            - math.lgamma(n - hits + 1)
            + hits * logarithms[1]
            + (n - hits) * logarithms[2]
        )
        for hits in range(k, n + 1)
    )
    return min(1.0, tail)
