"""One alarm from several signals: confidences, predicted classes, features and image statistics, under one budget.

Each signal is a test of its own, with a quarter of `drift.false_alarm_rate` (Bonferroni: whatever the signals have to
do with each other, a window without drift makes at most that share alarm), and a floor below which a difference does
not matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from include.config_parts import DriftConfig
from include.drift.statistics.features import compare_features, feature_rows
from include.drift.statistics.histograms import Counts, Distances, wasserstein_distances
from include.drift.statistics.image_quality import compare_images
from include.drift.statistics.thresholds import (
    Comparison,
    benjamini_hochberg,
    compare,
    compare_classes,
    compare_confidences,
    smallest_shift,
)
from include.drift.statistics.window import WindowCounts
from include.models.baseline import Baseline

SignalName = Literal["confidences", "classes", "features", "images"]

SHARE_OF_RATE = 1 / 4
"""Of `drift.false_alarm_rate`, for each of the four signals."""
MIN_CLASS_CHANGE = 0.05
"""The least share of predicted classes that has to be another for it to matter."""
MIN_IMAGE_CHANGE = 0.5
"""The least distance of an image statistic, in standard deviations of the baseline, that matters."""
MIN_OF_CLASS = 20
"""With fewer answers of a class on either side its confidences are not compared."""
MAX_CLASSES = 20
"""The classes with the most answers, at most so many, are compared: each takes 20 ms."""

_AT_ONCE = 2.0
"""A distance of so many thresholds needs no second window."""


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One way of looking at a window, beside the baseline."""

    name: SignalName
    measure: str
    """What the distance is, as people read it; of the images also which statistic."""
    comparison: Comparison
    floor: float
    """The least distance that matters."""

    @property
    def speaks(self) -> bool:
        """Whether the window differs by more than chance explains and by enough to matter."""
        return self.comparison.differs and self.comparison.distance >= self.floor

    @property
    def shouts(self) -> bool:
        """Whether it differs so much that no second window has to say so, too."""
        return self.speaks and self.comparison.distance >= _AT_ONCE * self.comparison.threshold

    @property
    def loudness(self) -> float:
        """How many times the distance is what would be needed to speak."""
        return _times(self.comparison, self.floor)


def compare_signals(
    baseline: Baseline,
    window: WindowCounts,
    *,
    drift: DriftConfig,
    seed: int,
    images: Mapping[str, Comparison] | None = None,
) -> tuple[Signal, ...]:
    """Return each signal that both sides know enough for; at least the confidences and the classes.

    Args:
        baseline: What the champion's answers looked like when it was accepted.
        window: The answers that are judged, at least one of them in a bin.
        drift: The false-alarm rate of all signals together, and the floor of the confidences.
        seed: Of the draws; the same one gives the same signals.
        images: From `compare_images`, where they are known already.

    Raises:
        ValueError: The baseline or the window holds no answer.
    """
    rate = drift.false_alarm_rate * SHARE_OF_RATE
    confidences = compare_confidences(baseline, window.counts_by_class, false_alarm_rate=rate, seed=seed)
    shift = smallest_shift(
        baseline.counts,
        baseline.edges,
        n_images=confidences.n_images,
        threshold=max(confidences.threshold, drift.min_distance),
        seed=(seed, 2),
    )
    classes = compare_classes(baseline, window.counts_by_class, false_alarm_rate=rate, seed=seed)
    found = [
        Signal(
            name="confidences",
            measure="Wasserstein-1, in standard deviations of the baseline",
            comparison=replace(confidences, smallest_shift=shift),
            floor=drift.min_distance,
        ),
        Signal(name="classes", measure="total variation", comparison=classes, floor=MIN_CLASS_CHANGE),
    ]
    rows = feature_rows(baseline, window)
    if rows is not None:
        features = compare_features(*rows, false_alarm_rate=rate, seed=seed)
        found.append(Signal(name="features", measure="maximum mean discrepancy", comparison=features, floor=0.0))
    of_images = compare_images(baseline, window, drift=drift, seed=seed) if images is None else images
    if of_images:
        found.append(_loudest_statistic(of_images))
    return tuple(found)


def compare_by_class(baseline: Baseline, window: WindowCounts, *, drift: DriftConfig, seed: int) -> Mapping[str, bool]:
    """Return for each predicted class with enough answers on both sides whether its confidences have moved.

    The tests are corrected for their number (Benjamini and Hochberg, 1995). They say where to look, and alarm nobody.
    Classes with many answers in the window come first.

    Args:
        baseline: What the champion's answers looked like when it was accepted.
        window: The answers that are judged.
        drift: The false-discovery rate, and the floor of the confidences.
        seed: Of the draws.
    """

    def distances(baselines: Counts, windows: Counts) -> Distances:
        return wasserstein_distances(baselines, windows, baseline.edges)

    n_in_window = {label: sum(window.counts_by_class.get(label, ())) for label in baseline.counts_by_class}
    enough = [label for label, n in baseline.class_counts.items() if min(n, n_in_window[label]) >= MIN_OF_CLASS]
    largest = sorted(enough, key=n_in_window.__getitem__, reverse=True)[:MAX_CLASSES]
    compared = {
        label: compare(
            baseline.counts_by_class[label],
            window.counts_by_class[label],
            distances,
            false_alarm_rate=drift.false_alarm_rate,
            seed=(seed, 6, number),
        )
        for number, label in enumerate(largest)
    }
    speak = benjamini_hochberg([one.p_value for one in compared.values()], rate=drift.false_alarm_rate)
    return {
        label: speaks and one.distance >= drift.min_distance
        for (label, one), speaks in zip(compared.items(), speak, strict=True)
    }


def _loudest_statistic(images: Mapping[str, Comparison]) -> Signal:
    """Return the signal of the images: that of the statistic that is furthest beyond what it needs to speak."""
    name = max(images, key=lambda statistic: _times(images[statistic], MIN_IMAGE_CHANGE))
    return Signal(
        name="images",
        measure=f"{name.replace('_', ' ')}, Wasserstein-1 in standard deviations of the baseline",
        comparison=images[name],
        floor=MIN_IMAGE_CHANGE,
    )


def _times(comparison: Comparison, floor: float) -> float:
    needed = max(comparison.threshold, floor)
    return comparison.distance / needed if needed else float(comparison.distance > 0)
