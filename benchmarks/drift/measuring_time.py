"""What measuring a window takes, whatever the number of answers: counts in, evidence out."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.judging import DRIFT
from benchmarks.drift.table import Row, median_seconds
from benchmarks.drift.versions import N_BASELINE
from include.drift.statistics.measuring import measure_window
from include.drift.statistics.thresholds import compare_confidences
from include.drift.statistics.window import MAX_FEATURES, WindowCounts
from include.models.baseline import CONFIDENCE_EDGES, STATISTIC_EDGES, Baseline, Histogram, build_baseline
from include.models.features import N_FEATURES

MEASURE = "what measuring a window takes"

_CLASSES = tuple("abcdefghij")
_SIZES = (200, 10_000_000)
_N_TIMES = 5
_REACH_THRESHOLD = 0.2


def row(*, seed: int) -> Row:
    """Return the row of the table."""
    rng = np.random.default_rng(seed)
    baseline = _draw_baseline(rng)
    windows = {n_images: _draw_window(n_images, rng) for n_images in _SIZES}
    rate = DRIFT.false_alarm_rate
    values = []
    for n_images, window in windows.items():
        threshold = partial(compare_confidences, baseline, window.counts_by_class, false_alarm_rate=rate, seed=seed)
        everything = partial(measure_window, baseline, window, drift=DRIFT, seed=seed)
        values += [
            median_seconds(f"threshold of {n_images:,} confidences", _times(threshold), reach=_REACH_THRESHOLD),
            median_seconds(f"everything about {n_images:,} answers", _times(everything)),
        ]
    return Row(
        measure=MEASURE,
        values=tuple(values),
        note=(
            f"drawn answers, a baseline of {N_BASELINE}, features of {MAX_FEATURES} images at most; medians, with the "
            f"range. Everything: all signals, broken images, class mix and accuracy"
        ),
    )


def _times(measure: Callable[[], object]) -> list[float]:
    seconds = []
    for _ in range(_N_TIMES):
        started = time.monotonic()
        measure()
        seconds.append(time.monotonic() - started)
    return seconds


def _draw_baseline(rng: np.random.Generator) -> Baseline:
    scores = rng.dirichlet(np.full(len(_CLASSES), 0.1), N_BASELINE).astype(np.float32)
    truth = np.where(rng.random(N_BASELINE) < 0.8, scores.argmax(axis=1), rng.integers(0, len(_CLASSES), N_BASELINE))
    return build_baseline(
        scores,
        truth,
        classes=_CLASSES,
        features=_draw_features(N_BASELINE, rng),
        image_statistics={
            name: Histogram(edges=edges, counts=_draw_counts(N_BASELINE, len(edges) - 1, rng))
            for name, edges in STATISTIC_EDGES.items()
        },
        n_undecodable=0,
    )


def _draw_window(n_images: int, rng: np.random.Generator) -> WindowCounts:
    of_classes = rng.multinomial(n_images, np.full(len(_CLASSES), 1 / len(_CLASSES)))
    n_bins = len(CONFIDENCE_EDGES) - 1
    return WindowCounts(
        counts_by_class={
            label: _draw_counts(n, n_bins, rng) for label, n in zip(_CLASSES, of_classes.tolist(), strict=True)
        },
        image_statistics={name: _draw_counts(n_images, len(edges) - 1, rng) for name, edges in STATISTIC_EDGES.items()},
        features=_draw_features(min(n_images, MAX_FEATURES), rng),
    )


def _draw_features(n_images: int, rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.standard_normal((n_images, N_FEATURES), dtype=np.float32)


def _draw_counts(n: int, n_bins: int, rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(rng.multinomial(n, np.full(n_bins, 1 / n_bins)).tolist())
