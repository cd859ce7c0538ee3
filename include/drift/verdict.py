"""The verdict on a window: from the evidence to what it means, what is done, and why. Pure."""

from dataclasses import dataclass
from typing import Literal

from include.config_parts import DriftConfig, RetrainingConfig
from include.drift.thresholds import Comparison

Verdict = Literal["INSUFFICIENT_DATA", "STABLE", "MIX_CHANGED", "MODEL_REGRESSION", "DATA_DRIFT"]
Action = Literal["NONE", "ALERT", "REQUEST_RETRAINING", "ROLL_BACK"]


@dataclass(frozen=True, kw_only=True)
class PreviousOnWindow:
    """The previous version's answers to the same window, beside its own baseline."""

    version: int
    comparison: Comparison


@dataclass(frozen=True, kw_only=True)
class Episode:
    """What was done since the last stable window: an episode lasts from the first alarm to the first stable window."""

    retraining_check_id: str | None = None
    """The check that asked for retraining."""
    rolled_back_check_id: str | None = None
    """The check that rolled back."""


@dataclass(frozen=True, kw_only=True)
class Requests:
    """The requests for retraining, whatever became of them."""

    hours_since_last: float | None = None
    """None: there was none."""
    n_last_week: int = 0
    """In the last seven days."""


@dataclass(frozen=True, kw_only=True)
class OpenDrift:
    """Drift that was found and waits for labels."""

    check_id: str
    """The check that found it."""
    finding: str
    """What it found, in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that a verdict depends on."""

    version: int
    """The champion."""
    n_images: int
    """Answers of the champion that no check has consumed."""
    confidences: Comparison | None
    """None: the window is not full, or the champion has no baseline."""
    classes: Comparison | None
    """Of the predicted classes; None as for the confidences."""
    previous: PreviousOnWindow | None = None
    """None: there is no earlier version to go back to, or it was not asked."""
    episode: Episode = Episode()
    requests: Requests = Requests()
    n_new_labels: int | None = None
    """Labelled images that are not in the champion's snapshot; None: nobody counted them, there is no drift."""
    waits_for_labels: OpenDrift | None = None
    """None: there is none, or the champion has changed since, or retraining was asked for."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a window means, and what is done."""

    verdict: Verdict
    action: Action
    reasons: tuple[str, ...]
    """Sentences that a person can read in a mail."""


def decide(evidence: Evidence, *, drift: DriftConfig, retraining: RetrainingConfig) -> Decision:
    """Judge a window.

    Args:
        evidence: What was measured and what was done before.
        drift: When a window is full, and which distance is drift.
        retraining: When retraining may be asked for.
    """
    if evidence.n_images < drift.window:
        return _too_few(evidence, drift, retraining)
    if evidence.confidences is None:
        reason = f"version {evidence.version} has no baseline to compare its {evidence.n_images} answers with"
        return Decision(verdict="INSUFFICIENT_DATA", action="NONE", reasons=(f"{reason}: train a new version",))
    found = _confidence_sentence(evidence.version, evidence.confidences, drift)
    if not is_drift(evidence.confidences, drift):
        return _no_drift(evidence, found, drift)
    if evidence.previous is not None and not is_drift(evidence.previous.comparison, drift):
        return _regression(evidence, evidence.previous, found, drift)
    return _data_drift(evidence, (found, _previous_sentence(evidence.previous, drift)), retraining)


def is_drift(comparison: Comparison, drift: DriftConfig) -> bool:
    """Whether confidences have moved by more than chance explains and by enough to matter."""
    return comparison.differs and comparison.distance >= drift.min_distance


def _too_few(evidence: Evidence, drift: DriftConfig, retraining: RetrainingConfig) -> Decision:
    """Wait for more answers, unless the labels that a drift waited for have come."""
    waiting = f"{evidence.n_images} of the {drift.window} new answers that a verdict needs: they wait for the next run"
    drifted = evidence.waits_for_labels
    if drifted is None or (evidence.n_new_labels or 0) < retraining.min_new_labels:
        return Decision(verdict="INSUFFICIENT_DATA", action="NONE", reasons=(waiting,))
    arrived = f"{evidence.n_new_labels} new labels arrived for the drift of check {drifted.check_id}"
    forbidden = _what_forbids_a_request(evidence, retraining)
    if forbidden is not None:
        return Decision(verdict="INSUFFICIENT_DATA", action="NONE", reasons=(waiting, arrived, forbidden))
    return Decision(verdict="DATA_DRIFT", action="REQUEST_RETRAINING", reasons=(arrived, drifted.finding))


def _no_drift(evidence: Evidence, found: str, drift: DriftConfig) -> Decision:
    classes = evidence.classes
    if classes is None or not classes.differs:
        return Decision(verdict="STABLE", action="NONE", reasons=(found,))
    return Decision(verdict="MIX_CHANGED", action="NONE", reasons=(found, _class_sentence(classes, drift)))


def _regression(evidence: Evidence, previous: PreviousOnWindow, found: str, drift: DriftConfig) -> Decision:
    """The images are as they were for the previous version: it is the champion that does not fit them."""
    at_home = f"version {previous.version} answers the same images as it always did: " + _distance_phrase(
        previous.comparison, drift
    )
    done = evidence.episode.rolled_back_check_id
    if done is not None:
        once = (
            f"check {done} has rolled back since the last stable window, and a second time needs a person: look at the "
            f"report, and roll back to version {previous.version} if it is right"
        )
        return Decision(verdict="MODEL_REGRESSION", action="ALERT", reasons=(found, at_home, once))
    return Decision(
        verdict="MODEL_REGRESSION",
        action="ROLL_BACK",
        reasons=(found, at_home, f"so version {previous.version} is restored"),
    )


def _data_drift(evidence: Evidence, found: tuple[str, ...], retraining: RetrainingConfig) -> Decision:
    """The images have changed: retrain, if there is something new to learn from and nothing forbids it."""
    n_labels, n_needed = evidence.n_new_labels or 0, retraining.min_new_labels
    if n_labels < n_needed:
        wanted = f"there are {n_labels} new labels, retraining needs {n_needed}: label some of the new images"
        return Decision(verdict="DATA_DRIFT", action="ALERT", reasons=(*found, wanted))
    labels = f"there are {n_labels} new labels to retrain with"
    forbidden = _what_forbids_a_request(evidence, retraining)
    if forbidden is not None:
        return Decision(verdict="DATA_DRIFT", action="ALERT", reasons=(*found, labels, forbidden))
    return Decision(verdict="DATA_DRIFT", action="REQUEST_RETRAINING", reasons=(*found, labels))


def _what_forbids_a_request(evidence: Evidence, retraining: RetrainingConfig) -> str | None:
    """Return why retraining may not be asked for now, or None if it may."""
    requests, done = evidence.requests, evidence.episode.retraining_check_id
    if retraining.mode == "alert_only":
        return "retraining.mode is alert_only: start the training if you want it"
    if done is not None:
        return f"check {done} has asked for retraining since the last stable window: another one needs a person"
    if requests.hours_since_last is not None and requests.hours_since_last < retraining.cooldown_hours:
        return (
            f"the last request was {requests.hours_since_last:.1f} hours ago, retraining.cooldown_hours is "
            f"{retraining.cooldown_hours:g}"
        )
    if requests.n_last_week >= retraining.weekly_budget:
        return (
            f"there were {requests.n_last_week} requests in seven days, retraining.weekly_budget is "
            f"{retraining.weekly_budget}"
        )
    return None


def _confidence_sentence(version: int, comparison: Comparison, drift: DriftConfig) -> str:
    return (
        f"the confidences of {comparison.n_images} answers lie {comparison.distance:.2f} standard deviations from "
        f"version {version}'s baseline of {comparison.n_baseline} held-out images; {_chance_phrase(comparison, drift)}"
        + _floor_phrase(comparison, drift)
    )


def _class_sentence(comparison: Comparison, drift: DriftConfig) -> str:
    return f"{comparison.distance:.0%} of the predicted classes are others than in the baseline; " + _chance_phrase(
        comparison, drift
    )


def _previous_sentence(previous: PreviousOnWindow | None, drift: DriftConfig) -> str:
    if previous is None:
        return "there is no earlier version that could be asked about the same images"
    return f"version {previous.version} drifts on the same images, too: {_distance_phrase(previous.comparison, drift)}"


def _distance_phrase(comparison: Comparison, drift: DriftConfig) -> str:
    return (
        f"{comparison.distance:.2f} standard deviations from its own baseline of {comparison.n_baseline} held-out "
        f"images; {_chance_phrase(comparison, drift)}"
    )


def _chance_phrase(comparison: Comparison, drift: DriftConfig) -> str:
    return (
        f"without drift {drift.false_alarm_rate * 100:g} % of windows would exceed {comparison.threshold:.2f} "
        f"(p = {comparison.p_value:.2g})"
    )


def _floor_phrase(comparison: Comparison, drift: DriftConfig) -> str:
    """Say why a distance that chance does not explain is no drift."""
    if not comparison.differs or comparison.distance >= drift.min_distance:
        return ""
    return f", which is less than drift.min_distance {drift.min_distance:g}"
