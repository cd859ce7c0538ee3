"""The figures of a check as the rows of the report's tables: texts, in the order in which they are read."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from include.drift.arbiter.verdict import PreviousOnWindow
from include.drift.report.drawn_answers import CONFIDENCE, DrawnSides
from include.drift.statistics.accuracy import MIN_LABELS, Accuracy, Estimate, Realised
from include.drift.statistics.image_quality import UNDECODABLE
from include.drift.statistics.measuring import WindowEvidence
from include.drift.statistics.signals import Signal, SignalName
from include.models.baseline import Baseline

_SIGNALS: Mapping[SignalName, str] = {
    "confidences": "Confidences",
    "classes": "Predicted classes",
    "features": "Features of the network",
    "images": "Images",
}
"""What people call the signals."""

_METHODS = {
    "DoC and ATC": "the mean of both",
    "DoC": "difference of confidences",
    "ATC": "average thresholded confidence",
    "CBPE": "mean calibrated confidence",
}
_MAX_CLASSES = 10
"""Of the class mix: those whose share has changed most."""


class SignalRow(NamedTuple):
    """A signal beside its threshold."""

    name: str
    measure: str
    n_images: str
    n_baseline: str
    distance: str
    threshold: str
    p_value: str
    smallest_shift: str
    outcome: str
    speaks: bool


class AccuracyRow(NamedTuple):
    """One thing that is known of an accuracy."""

    name: str
    how: str
    value: str
    interval: str


class ImageRow(NamedTuple):
    """A statistic of the images on both sides."""

    name: str
    before: str
    now: str
    jump: str
    """How far it has jumped; empty: not so far."""


class MixRow(NamedTuple):
    """The share of a class on both sides."""

    label: str
    before: str
    now: str


def signal_rows(evidence: WindowEvidence) -> list[SignalRow]:
    """Return each signal beside its threshold."""
    return [
        SignalRow(
            name=_SIGNALS[signal.name],
            measure=signal.measure,
            n_images=f"{signal.comparison.n_images:,}",
            n_baseline=f"{signal.comparison.n_baseline:,}",
            distance=f"{signal.comparison.distance:.3f}",
            threshold=f"{signal.comparison.threshold:.3f}",
            p_value=f"{signal.comparison.p_value:.2g}",
            smallest_shift=_figure(signal.comparison.smallest_shift),
            outcome=_outcome(signal),
            speaks=signal.speaks,
        )
        for signal in evidence.signals
    ]


def accuracy_rows(evidence: WindowEvidence, previous: PreviousOnWindow | None) -> list[AccuracyRow]:
    """Return what is known of the accuracy: on held-out images, estimated, on labels, and of the version before."""
    accuracy = evidence.accuracy
    rows = []
    if accuracy is not None:
        rows.append(AccuracyRow("Baseline", "on the held-out images", _share(accuracy.baseline), ""))
        if accuracy.expected != accuracy.baseline:
            rows.append(AccuracyRow("Expected", "on this mix of classes", _share(accuracy.expected), ""))
        rows.extend(_estimate_row(estimate, is_trusted=accuracy.is_trusted) for estimate in accuracy.estimates)
        rows.append(_realised_row(accuracy.realised))
    if previous is not None and previous.accuracy is not None:
        rows.append(_previous_row(previous, previous.accuracy))
    return rows


def image_rows(
    evidence: WindowEvidence, sides: DrawnSides, *, undecodable_before: float, undecodable_now: float
) -> list[ImageRow]:
    """Return each statistic of the images that both sides know, and which of them have jumped.

    Args:
        evidence: What has jumped.
        sides: The images' statistics.
        undecodable_before: The share of the baseline's images that could not be decoded.
        undecodable_now: That of the window's.
    """
    jumps = {jump.statistic.replace("_", " "): jump for jump in evidence.jumps}
    rows = [
        ImageRow(
            name=name,
            before=f"{np.median(sides.baseline[name]):.3g}",
            now=f"{np.median(sides.window[name]):.3g}",
            jump=f"{jumps[name].distance:.1f} standard deviations" if name in jumps else "",
        )
        for name in sides.numbers
        if name != CONFIDENCE
    ]
    undecodable = ImageRow(
        name=UNDECODABLE,
        before=f"{undecodable_before:.1%}",
        now=f"{undecodable_now:.1%}",
        jump=f"{jumps[UNDECODABLE].distance:.1%} more" if UNDECODABLE in jumps else "",
    )
    return [*rows, undecodable]


def mix_rows(evidence: WindowEvidence, baseline: Baseline) -> list[MixRow]:
    """Return the classes whose estimated share has changed most; none if nobody asked for the mix."""
    if evidence.mix is None:
        return []
    of_class = {truth: sum(counts) for truth, counts in baseline.counts_by_truth.items()}
    n_images = max(1, sum(of_class.values()))
    before = {label: of_class.get(label, 0) / n_images for label in evidence.mix.shares}
    changed = sorted(evidence.mix.shares.items(), key=lambda item: -abs(item[1] - before[item[0]]))
    return [MixRow(label, _share(before[label]), _share(share)) for label, share in changed[:_MAX_CLASSES]]


def _outcome(signal: Signal) -> str:
    if signal.speaks:
        return f"moved: {signal.loudness:.1f} times what it takes"
    if signal.comparison.differs:
        return f"more than chance, but less than the {signal.floor:g} that matters"
    return "as chance explains"


def _estimate_row(estimate: Estimate, *, is_trusted: bool) -> AccuracyRow:
    return AccuracyRow(
        f"Estimated, {estimate.method}",
        _METHODS[estimate.method] + ("" if is_trusted else ": not to be trusted"),
        _share(estimate.value),
        _interval(estimate.low, estimate.high),
    )


def _realised_row(realised: Realised | None) -> AccuracyRow:
    if realised is None:
        return AccuracyRow("Realised", "no labels of randomly picked images yet", "", "")
    enough = "" if realised.n_images >= MIN_LABELS else f", too few to count: {MIN_LABELS} are needed"
    return AccuracyRow(
        "Realised",
        f"labels of {realised.n_images:,} randomly picked images{enough}",
        _share(realised.accuracy),
        _interval(*realised.interval),
    )


def _previous_row(previous: PreviousOnWindow, accuracy: Accuracy) -> AccuracyRow:
    estimate = accuracy.deciding
    return AccuracyRow(
        f"Version {previous.version}",
        f"on the same images, {estimate.method}; {_share(accuracy.baseline)} on its own held-out images",
        _share(estimate.value),
        _interval(estimate.low, estimate.high),
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _share(share: float) -> str:
    return f"{share:.1%}"


def _interval(low: float, high: float) -> str:
    return f"{low:.1%} to {high:.1%}"
