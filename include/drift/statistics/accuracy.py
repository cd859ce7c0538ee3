"""How accurate the champion is on a window, without labels as far as that goes, and with them as soon as they come.

Three estimates from confidences, all from counts, and the mean of two of them, which decides: where a model fails, DoC
is too high by far more than ATC; where it does not, ATC strays by more than DoC (ADR 017). Each interval of 95 % is a
normal approximation that adds two variances: that of the window's answers, and that of what is taken from the held-out
images (their gap between confidence and right answers, their threshold, or their calibration). From 50 on either side
they hold the accuracy in 94 to 96 of 100 cases; with 20 on one side DoC's does in 92 to 95, the others' in 88 to 94.
They say what chance does; that images of another world make all of them too high is no chance, and `is_trusted` says
so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from include.models.baseline import Baseline, total_counts

Method = Literal["DoC and ATC", "DoC", "ATC", "CBPE"]
METHODS: tuple[Method, ...] = get_args(Method)
"""The first one decides."""

MIN_LABELS = 30
"""With fewer labels of random images, the accuracy is estimated."""

_Z = 1.959964
"""The normal quantile of intervals of 95 %."""

_MORE = 2
"""Held-out images of either kind, right and wrong, that variances are taken with beside their own (Agresti and Coull,
1998): images that were all answered rightly would have none otherwise, and are not sure to be so."""

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """An accuracy that no label was needed for, with a confidence interval of 95 %."""

    method: Method
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Realised:
    """What labels of randomly picked images say."""

    n_images: int
    """At least one."""
    n_right: int

    def __post_init__(self) -> None:
        if not 0 <= self.n_right <= self.n_images or not self.n_images:
            raise ValueError(f"{self.n_right} of {self.n_images} labelled images cannot have been answered rightly")

    @property
    def accuracy(self) -> float:
        """The share that was answered rightly."""
        return self.n_right / self.n_images

    @property
    def interval(self) -> tuple[float, float]:
        """The confidence interval of 95 % (Wilson, 1927)."""
        extra = _Z**2 / self.n_images
        centre = (self.accuracy + extra / 2) / (1 + extra)
        half = math.sqrt(self.accuracy * (1 - self.accuracy) * extra + extra**2 / 4) / (1 + extra)
        return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """All that is known of a version's accuracy on a window."""

    baseline: float
    """On the held-out images."""
    expected: float
    """On held-out images of the window's class mix: what the baseline's would be had only the mix changed."""
    estimates: tuple[Estimate, ...]
    """One of each method, in the order of `METHODS`."""
    realised: Realised | None = None
    is_trusted: bool = True
    """False: the images are so different that estimates from confidences are too high by any amount."""
    expected_error: float = 0.0
    """The standard error of the held-out accuracy, as those images are a sample, too; taken for that of `expected`."""

    @property
    def deciding(self) -> Estimate:
        """The estimate that decides where there are too few labels."""
        return self.estimates[0]

    @property
    def measured(self) -> Realised | None:
        """What labels say, if there are enough of them to win over the estimates."""
        realised = self.realised
        return realised if realised is not None and realised.n_images >= MIN_LABELS else None

    @property
    def value(self) -> float:
        """The accuracy that decides: the realised one with enough labels, else the estimate."""
        return self.deciding.value if self.measured is None else self.measured.accuracy

    @property
    def drop(self) -> float:
        """How far the accuracy lies below the expected one: the realised one with enough labels, else the estimate."""
        return self.expected - self.value

    @property
    def drop_interval(self) -> tuple[float, float]:
        """The drop's confidence interval of 95 %.

        An estimate's interval holds the held-out images' error already. A realised accuracy does not: there both add up
        as in Newcombe's interval of a difference (Statistics in Medicine 17, 1998, method 10).
        """
        if self.measured is None:
            return self.expected - self.deciding.high, self.expected - self.deciding.low
        low, high = self.measured.interval
        of_expected = _Z * self.expected_error
        return (
            self.drop - math.hypot(high - self.measured.accuracy, of_expected),
            self.drop + math.hypot(self.measured.accuracy - low, of_expected),
        )

    def has_dropped(self, min_drop: float) -> bool:
        """Whether the accuracy has fallen by at least so much, and by more than its interval explains.

        Estimates that cannot be trusted count as fallen.
        """
        if self.measured is None and not self.is_trusted:
            return True
        return self.drop >= min_drop and self.drop_interval[0] > 0


def estimate_accuracy(
    baseline: Baseline,
    counts_by_class: Mapping[str, Sequence[int]],
    *,
    expected: float | None = None,
    realised: Realised | None = None,
    is_trusted: bool = True,
) -> Accuracy | None:
    """Return the accuracy on a window; None if the baseline does not know which answers were right.

    Args:
        baseline: The version's answers to held-out images, with those that were right.
        counts_by_class: Its answers to the window, in the baseline's bins, at least one.
        expected: The accuracy that the class mix explains; by default the baseline's.
        realised: What labels say.
        is_trusted: Whether the images are enough like the baseline's.

    Raises:
        ValueError: The baseline or the window holds no answer, or more answers were right than there are.
    """
    if not baseline.right_by_class:
        return None
    n_bins = len(baseline.edges) - 1
    sides = _Sides(
        edges=np.asarray(baseline.edges),
        held_out=np.asarray(baseline.counts, dtype=np.float64),
        right=np.asarray(total_counts(baseline.right_by_class, n_bins=n_bins), dtype=np.float64),
        window=np.asarray(total_counts(counts_by_class, n_bins=n_bins), dtype=np.float64),
    )
    own = sides.accuracy
    return Accuracy(
        baseline=own,
        expected=own if expected is None else expected,
        estimates=_estimates(sides),
        realised=realised,
        is_trusted=is_trusted,
        expected_error=math.sqrt(_proportion_variance(own, sides.n_held_out)),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sides:
    """Answers in each bin of confidence, [n_bins]."""

    edges: Values
    held_out: Values
    right: Values
    window: Values

    def __post_init__(self) -> None:
        if not self.held_out.sum() or not self.window.sum():
            raise ValueError("there is no accuracy to estimate from a baseline or a window that holds nothing")
        if (self.right > self.held_out).any():
            raise ValueError("the baseline says that more answers were right than it holds")

    @property
    def n_held_out(self) -> float:
        return float(self.held_out.sum())

    @property
    def n_window(self) -> float:
        return float(self.window.sum())

    @property
    def accuracy(self) -> float:
        return float(self.right.sum()) / self.n_held_out

    @property
    def midpoints(self) -> Values:
        return np.asarray((self.edges[1:] + self.edges[:-1]) / 2)


def _estimates(sides: _Sides) -> tuple[Estimate, ...]:
    doc, atc = _difference_of_confidences(sides), _thresholded_confidence(sides)
    return _mean_of(doc, atc), doc, atc, _calibrated_confidence(sides)


def _mean_of(doc: Estimate, atc: Estimate) -> Estimate:
    """The mean of two estimates from the same answers, as wide as if they erred together: a little too wide."""
    return Estimate(
        method="DoC and ATC",
        value=(doc.value + atc.value) / 2,
        low=(doc.low + atc.low) / 2,
        high=(doc.high + atc.high) / 2,
    )


def _difference_of_confidences(sides: _Sides) -> Estimate:
    """The held-out accuracy less the fall of the mean confidence (Guillory et al., ICCV 2021, section 3).

    That is the window's mean confidence, plus the held-out images' mean gap between right (0 or 1) and confidence: the
    variances of these two means add up. That of the gap is taken with some more of either, of the mean confidence.
    """
    confidence = sides.midpoints
    in_window, variance = _mean_and_variance(confidence, sides.window)
    held_out, _ = _mean_and_variance(confidence, sides.held_out)
    wrong = sides.held_out - sides.right
    gaps = np.concatenate([1 - confidence, -confidence, [1 - held_out, -held_out]])
    _, gap_variance = _mean_and_variance(gaps, np.concatenate([sides.right, wrong, [_MORE, _MORE]]))
    return _estimate(
        "DoC",
        sides.accuracy + in_window - held_out,
        variance / sides.n_window + gap_variance / (sides.n_held_out + 2 * _MORE),
    )


def _thresholded_confidence(sides: _Sides) -> Estimate:
    """The share above the confidence that as many held-out images exceed as are right (Garg et al., ICLR 2022).

    The threshold lies within a bin, whose values lie evenly in it. A threshold that is fitted to other held-out images
    moves the share above it by the mean of (above the threshold) - (right), whose variance is added.
    """
    n_right = sides.right.sum()
    from_top = np.cumsum(sides.held_out[::-1])[::-1]
    above = np.clip((n_right - (from_top - sides.held_out)) / np.maximum(sides.held_out, 1), 0, 1)
    above[from_top <= n_right] = 1
    # where all were right, the threshold is the least confidence among them: no lower one is known to be right
    above[np.cumsum(sides.held_out) == 0] = 0
    share = float((above * sides.window).sum() / sides.n_window)
    wrong = sides.held_out - sides.right
    differing = (above * wrong).sum() + ((1 - above) * sides.right).sum()
    of_threshold = (differing + _MORE) / (sides.n_held_out + 2 * _MORE) ** 2
    return _estimate("ATC", share, share * (1 - share) / sides.n_window + of_threshold)


def _calibrated_confidence(sides: _Sides) -> Estimate:
    """The mean confidence, calibrated by isotonic regression on the held-out images (CBPE, as NannyML does it).

    The regression makes blocks of bins, each with its held-out accuracy, whose binomial variance counts with the square
    of the window's share in the block.
    """
    blocks = _isotonic_blocks(sides.right, sides.held_out)
    calibrated = np.empty(len(sides.held_out))
    variance = 0.0
    for block in blocks:
        n = sides.held_out[block].sum()
        calibrated[block] = accuracy = sides.right[block].sum() / n
        share = sides.window[block].sum() / sides.n_window
        variance += share**2 * _proportion_variance(accuracy, n)
    mean, of_window = _mean_and_variance(calibrated, sides.window)
    return _estimate("CBPE", mean, of_window / sides.n_window + variance)


def _isotonic_blocks(right: Values, n: Values) -> list[slice]:
    """Return the blocks of the regression whose accuracies rise with confidence (pool adjacent violators).

    Bins without images belong to the block below, the lowest to the first one.
    """
    blocks: list[tuple[int, int, float, float]] = []
    for place in range(len(n)):
        block = (place, place + 1, float(right[place]), float(n[place]))
        while blocks and (block[3] == 0 or blocks[-1][3] == 0 or block[2] * blocks[-1][3] <= blocks[-1][2] * block[3]):
            first, _, right_below, n_below = blocks.pop()
            block = (first, block[1], right_below + block[2], n_below + block[3])
        blocks.append(block)
    return [slice(first, last) for first, last, _, _ in blocks]


def _proportion_variance(proportion: float, n: float) -> float:
    smoothed = (proportion * n + _MORE) / (n + 2 * _MORE)
    return smoothed * (1 - smoothed) / (n + 2 * _MORE)


def _mean_and_variance(values: Values, counts: Values) -> tuple[float, float]:
    shares = counts / counts.sum()
    mean = float((shares * values).sum())
    return mean, float((shares * (values - mean) ** 2).sum())


def _estimate(method: Method, value: float, variance: float) -> Estimate:
    value, half = min(1.0, max(0.0, value)), _Z * math.sqrt(variance)
    return Estimate(method=method, value=value, low=max(0.0, value - half), high=min(1.0, value + half))
