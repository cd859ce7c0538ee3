"""What is measured on a window: signals, separation, images, class mix and accuracy, each as far as it is known.

An older release's baseline does not know which answers were right, or has no features: what depends on them is left
out, never guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from include.config_parts import DriftConfig
from include.drift.statistics.accuracy import Accuracy, Realised, estimate_accuracy
from include.drift.statistics.features import Separation, separate_window
from include.drift.statistics.histograms import other_distances
from include.drift.statistics.image_quality import ImageJump, compare_images, find_jumps
from include.drift.statistics.mix import ClassMix, class_mix
from include.drift.statistics.signals import Signal, compare_by_class, compare_signals
from include.drift.statistics.window import WindowCounts
from include.models.baseline import Baseline, Histogram, total_counts


@dataclass(frozen=True, kw_only=True)
class WindowEvidence:
    """A version's answers to a window beside its baseline."""

    signals: tuple[Signal, ...]
    """Confidences and classes; features and images where both sides know them."""
    distances: Mapping[str, float] = field(default_factory=dict)
    """Of the confidences, by the names of the distances that other monitors use: nothing is decided by them."""
    moved_classes: tuple[str, ...] = ()
    """The predicted classes whose confidences have moved; looked for only where a signal speaks."""
    separation: Separation | None = None
    """None: there are no features."""
    jumps: tuple[ImageJump, ...] = ()
    """What makes the images broken, the largest jump first."""
    is_accepted: bool = False
    """The images have jumped, to where a person has declared them normal."""
    mix: ClassMix | None = None
    """None: neither confidences nor classes nor features speak, so there is nothing to explain, or the true classes of
    the baseline are not known."""
    accuracy: Accuracy | None = None
    """None: it is not known which answers of the baseline were right."""

    @property
    def speaking(self) -> tuple[Signal, ...]:
        """The signals that speak, the loudest first."""
        speaking = [signal for signal in self.signals if signal.speaks]
        return tuple(sorted(speaking, key=lambda signal: signal.loudness, reverse=True))


def measure_window(
    baseline: Baseline,
    window: WindowCounts,
    *,
    drift: DriftConfig,
    seed: int,
    realised: Realised | None = None,
    accepted: Sequence[Mapping[str, Histogram]] = (),
) -> WindowEvidence:
    """Measure all that can be known of a window without its labels, and take in what labels say.

    Args:
        baseline: What the version's answers looked like when it was accepted.
        window: Its answers to the window, at least one of them in a bin.
        drift: The false-alarm rate and the floors.
        seed: Of the draws; the same one measures the same.
        realised: What labels of randomly picked images say, if there are any.
        accepted: How the images of windows look that a person has declared normal.

    Raises:
        ValueError: The baseline or the window holds no answer.
    """
    images = compare_images(baseline, window, drift=drift, seed=seed)
    signals = compare_signals(baseline, window, drift=drift, seed=seed, images=images)
    speaks = any(signal.speaks for signal in signals)
    moved = compare_by_class(baseline, window, drift=drift, seed=seed) if speaks else {}
    separation = separate_window(baseline, window, seed=seed)
    jumps = find_jumps(baseline, window, images, drift=drift)
    remaining = find_jumps(baseline, window, images, drift=drift, accepted=accepted) if jumps else ()
    answers_speak = any(signal.speaks for signal in signals if signal.name != "images")
    mix = class_mix(baseline, window, drift=drift, seed=seed) if answers_speak else None
    accuracy = estimate_accuracy(
        baseline,
        window.counts_by_class,
        expected=mix.expected_accuracy if mix is not None and mix.explains else None,
        realised=realised,
        is_trusted=separation is None or separation.is_trusted,
    )
    return WindowEvidence(
        signals=signals,
        distances=other_distances(
            baseline.counts, total_counts(window.counts_by_class, n_bins=len(baseline.edges) - 1)
        ),
        moved_classes=tuple(label for label, has_moved in moved.items() if has_moved),
        separation=separation,
        jumps=remaining,
        is_accepted=bool(jumps) and not remaining,
        mix=mix,
        accuracy=accuracy,
    )
