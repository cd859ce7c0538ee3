"""How bad a window is: what its accuracy is known to be, whether a version before would do better, how clear it is."""

from typing import NamedTuple

from include.config_parts import DriftConfig
from include.drift.statistics.accuracy import Accuracy
from include.drift.statistics.image_quality import MIN_UNDECODABLE_RISE, UNDECODABLE, ImageJump
from include.drift.statistics.measuring import WindowEvidence

_AT_ONCE = 2.0
"""Harm of so many times the least that matters needs no second window."""
_SPEAKING_FOR_THE_MODEL = frozenset({"confidences", "features"})
"""The signals that count as a fallen accuracy where nothing is known of it; another mix of classes alone, or other
pictures that the model takes as it took the ones before, do not."""


class Bounds(NamedTuple):
    """What is known of an accuracy, with its confidence interval of 95 %."""

    value: float
    low: float
    high: float


def bounds(accuracy: Accuracy) -> Bounds:
    """Return the accuracy that decides: the realised one with enough labels, else the first estimate."""
    realised = accuracy.measured
    return estimated(accuracy) if realised is None else Bounds(realised.accuracy, *realised.interval)


def estimated(accuracy: Accuracy) -> Bounds:
    """Return the estimate that decides where there are too few labels."""
    estimate = accuracy.deciding
    return Bounds(estimate.value, estimate.low, estimate.high)


def has_dropped(window: WindowEvidence, drift: DriftConfig) -> bool:
    """Whether the accuracy has fallen. Where nothing is known of it, a signal that speaks for the model counts."""
    if window.accuracy is not None:
        return window.accuracy.has_dropped(drift.min_accuracy_drop)
    return any(signal.name in _SPEAKING_FOR_THE_MODEL for signal in window.speaking)


def is_better(before: Accuracy | None, accuracy: Accuracy | None, drift: DriftConfig) -> bool:
    """Whether a previous version's accuracy holds, and lies above the champion's by more than their intervals.

    Estimates are compared with estimates: where labels say that the champion got worse, and its own estimate does not,
    the previous version's cannot know it, either.
    """
    if before is None or accuracy is None or not before.is_trusted or before.has_dropped(drift.min_accuracy_drop):
        return False
    return estimated(before).low > max(estimated(accuracy).high, bounds(accuracy).high)


def is_clear(window: WindowEvidence, drift: DriftConfig) -> bool:
    """Whether the harm is so clear that no second window has to show it."""
    if window.is_accepted or any(_is_clear_jump(jump, drift) for jump in window.jumps):
        return True
    accuracy = window.accuracy
    shouts = any(signal.shouts for signal in window.signals)
    if accuracy is None:
        return shouts
    if accuracy.measured is None:
        return shouts and (not accuracy.is_trusted or accuracy.drop >= _AT_ONCE * drift.min_accuracy_drop)
    return accuracy.drop >= _AT_ONCE * drift.min_accuracy_drop


def _is_clear_jump(jump: ImageJump, drift: DriftConfig) -> bool:
    least = MIN_UNDECODABLE_RISE if jump.statistic == UNDECODABLE else drift.min_image_jump
    return jump.distance >= _AT_ONCE * least
