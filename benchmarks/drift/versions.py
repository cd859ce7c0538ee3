"""Versions as the product makes them, out of recorded answers: a temperature, a baseline, and windows."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.networks import Answers, Recordings, World
from benchmarks.drift.shifts import STATISTICS
from include.drift.statistics.window import MAX_FEATURES, WindowCounts
from include.models.baseline import (
    STATISTIC_EDGES,
    Baseline,
    Histogram,
    build_baseline,
    count_confidences,
    evenly_spread,
)
from include.models.calibration import fit_temperature, softmax

N_BASELINE = 350
"""Held-out images of a version: one half validates, as the product's temperature is fitted on that half alone."""

Places = NDArray[np.int64]
"""Which of the held-out photos, [n]."""


class Sample(NamedTuple):
    """Answers, one by one."""

    confidences: NDArray[np.floating]
    """[n]."""
    classes: NDArray[np.int64]
    """The place of each predicted class, [n]."""


class Window(NamedTuple):
    """Photos that come in together."""

    world: World
    places: Places


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version, with all that the product would have stored of it."""

    number: int
    network: str
    """Whose answers it gives."""
    temperature: float
    world: World
    """Of its held-out images."""
    held_out: Places
    baseline: Baseline


def accept(
    recordings: Recordings, network: str, world: World, held_out: Places, *, number: int, serves: str | None = None
) -> Version:
    """Make a version of a network.

    Args:
        recordings: All answers.
        network: Whose baseline it is.
        world: Of its held-out images.
        held_out: Its held-out images.
        number: Of the version.
        serves: Whose answers it gives in production; by default its own.
    """
    answers = recordings.answers(network, world)
    validation = held_out[: len(held_out) // 2]
    temperature = fit_temperature(answers.logits[validation], recordings.labels[validation])
    baseline = build_baseline(
        softmax(answers.logits[held_out], temperature=temperature).astype(np.float32),
        recordings.labels[held_out],
        classes=recordings.classes,
        features=answers.features[held_out],
        image_statistics={
            name: Histogram(edges=STATISTIC_EDGES[name], counts=counts)
            for name, counts in _count_statistics(answers, held_out).items()
        },
        n_undecodable=0,
    )
    return Version(
        number=number,
        network=serves or network,
        temperature=temperature,
        world=world,
        held_out=held_out,
        baseline=baseline,
    )


def count_window(recordings: Recordings, version: Version, window: Window) -> WindowCounts:
    """Return a version's answers to a window as the warehouse counts them."""
    answers = recordings.answers(version.network, window.world)
    scores = softmax(answers.logits[window.places], temperature=version.temperature)
    predicted = [recordings.classes[place] for place in scores.argmax(axis=1)]
    looked_at = window.places[evenly_spread(len(window.places), at_most=MAX_FEATURES)]
    return WindowCounts(
        counts_by_class=count_confidences(scores.max(axis=1), predicted, classes=recordings.classes),
        image_statistics=_count_statistics(answers, window.places),
        features=answers.features[looked_at],
    )


def sample(recordings: Recordings, version: Version, window: Window) -> Sample:
    """Return a version's single answers to a window, which other monitors go by."""
    logits = recordings.answers(version.network, window.world).logits[window.places]
    scores = softmax(logits, temperature=version.temperature)
    return Sample(scores.max(axis=1), scores.argmax(axis=1))


def is_right(recordings: Recordings, version: Version, window: Window) -> NDArray[np.bool_]:
    """Return for each photo of a window whether a version answers it rightly, [n]."""
    logits = recordings.answers(version.network, window.world).logits[window.places]
    return np.asarray(logits.argmax(axis=1) == recordings.labels[window.places])


def _count_statistics(answers: Answers, places: Places) -> dict[str, tuple[int, ...]]:
    counts = {}
    for column, name in enumerate(STATISTICS):
        edges = STATISTIC_EDGES[name]
        bins = np.minimum(np.searchsorted(edges, answers.statistics[places, column], side="right"), len(edges) - 1) - 1
        counts[name] = tuple(np.bincount(bins, minlength=len(edges) - 1).tolist())
    return counts
