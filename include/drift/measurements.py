"""The evidence of a verdict as figures, as DRIFT_CHECKS keeps them."""

from dataclasses import asdict
from typing import Any, NamedTuple

from include.config import PipelineConfig
from include.drift.arbiter.verdict import Decision, Evidence
from include.drift.statistics.signals import Signal, SignalName
from include.drift.statistics.thresholds import Comparison
from include.drift.statistics.window import WindowCounts
from include.models.baseline import Baseline


class JudgedSignal(NamedTuple):
    """The figures of a check in short: of the signal that spoke loudest, else of the confidences.

    The smallest shift is always that of the confidences: what a window of this size could have shown.
    """

    signal: SignalName | None = None
    score: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    smallest_shift: float | None = None


def judged_signal(evidence: Evidence, decision: Decision) -> JudgedSignal:
    """Return the signal that a verdict rests on, and its figures; without a comparison there are none."""
    signals = _signals(evidence)
    shown, confidences = signals.get(decision.signal or "confidences"), signals.get("confidences")
    smallest_shift = confidences.comparison.smallest_shift if confidences else None
    if shown is None:
        return JudgedSignal(signal=decision.signal, smallest_shift=smallest_shift)
    of = shown.comparison
    return JudgedSignal(decision.signal, of.distance, of.threshold, of.p_value, smallest_shift)


def estimate_of(evidence: Evidence) -> float | None:
    """Return the accuracy that was estimated without labels."""
    accuracy = evidence.window.accuracy if evidence.window else None
    return accuracy.deciding.value if accuracy is not None else None


def statistics_of(evidence: Evidence, decision: Decision) -> dict[str, Any]:
    """Return what was measured, as JSON."""
    statistics: dict[str, Any] = {
        name: {**_measured(signal.comparison), "measure": signal.measure} for name, signal in _signals(evidence).items()
    }
    window, previous = evidence.window, evidence.previous
    if window is not None:
        statistics |= {
            "distances": dict(window.distances),
            "jumps": [asdict(jump) for jump in window.jumps],
            "is_accepted": window.is_accepted,
            "moved_classes": window.moved_classes,
        }
        parts = {"separation": window.separation, "mix": window.mix, "accuracy": window.accuracy}
        statistics |= {name: asdict(part) for name, part in parts.items() if part is not None}
    if previous is not None:
        statistics["previous"] = {
            "version": previous.version,
            **(_measured(previous.comparison) if previous.comparison else {}),
            "accuracy": asdict(previous.accuracy) if previous.accuracy else None,
        }
    if evidence.n_invalid:
        statistics["n_invalid"] = evidence.n_invalid
    if evidence.n_new_labels is not None:
        statistics |= {"n_new_labels": evidence.n_new_labels, "n_open_requests": evidence.n_open_requests}
    if window is None and evidence.waits_for_labels is not None and decision.verdict != "INSUFFICIENT_DATA":
        statistics["open_drift"] = evidence.waits_for_labels.check_id
    return statistics


def thresholds_of(evidence: Evidence, config: PipelineConfig) -> dict[str, Any]:
    """Return what the measurements were held against, as JSON."""
    drift = config.drift
    thresholds: dict[str, Any] = {
        "window": drift.window,
        "false_alarm_rate": drift.false_alarm_rate,
        "min_distance": drift.min_distance,
        "min_accuracy_drop": drift.min_accuracy_drop,
        "min_image_jump": drift.min_image_jump,
        "alarms": drift.alarms,
        "of_windows": drift.of_windows,
        "min_new_labels": config.retraining.min_new_labels,
        **{name: signal.comparison.threshold for name, signal in _signals(evidence).items()},
    }
    if evidence.previous is not None and evidence.previous.comparison is not None:
        thresholds["previous"] = evidence.previous.comparison.threshold
    return thresholds


def window_json(counts: WindowCounts, baseline: Baseline) -> dict[str, Any]:
    """Return a window as counts, as JSON: what it is compared by, but for the sample of features.

    Args:
        counts: The window.
        baseline: What it was counted for: they are in its bins.
    """
    return {
        "edges": baseline.edges,
        "counts_by_class": dict(counts.counts_by_class),
        "image_statistics": {
            name: {"edges": baseline.image_statistics[name].edges, "counts": of_bins}
            for name, of_bins in counts.image_statistics.items()
        },
        "n_invalid": counts.n_invalid,
        "n_undecodable": counts.n_undecodable,
    }


def _signals(evidence: Evidence) -> dict[SignalName, Signal]:
    return {signal.name: signal for signal in evidence.window.signals} if evidence.window else {}


def _measured(comparison: Comparison) -> dict[str, Any]:
    figures = asdict(comparison)
    del figures["threshold"]
    return figures
