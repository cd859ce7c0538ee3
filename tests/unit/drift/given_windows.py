"""Answers of a model whose confidences are right: Bayes' classifier of classes that are clouds of features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.drift.statistics.window import WindowCounts
from include.models.baseline import (
    CONFIDENCE_EDGES,
    STATISTIC_EDGES,
    Baseline,
    FeatureSample,
    Histogram,
    count_confidences,
)

CLASSES = ("coat", "dress", "hat", "shirt", "shoe")
N_FEATURES = 16
EVEN = dict.fromkeys(CLASSES, 0.2)
LOOK = {"short_side": 480.0, "long_side": 640.0, "brightness": 0.5, "contrast": 0.2, "sharpness": 0.02}
"""The median of each image statistic; of sides and sharpness the logarithm is normal, of the others the value."""
SPREADS = {"short_side": 0.3, "long_side": 0.3, "brightness": 0.1, "contrast": 0.05, "sharpness": 0.8}

_CENTRES = np.random.default_rng(5).normal(0, 1.1, (len(CLASSES), 6))
"""The first six features tell the classes; the others are the same for all. Accuracy is about 0.80."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Images as they are, and as they are answered."""

    truth: NDArray[np.str_]
    predicted: NDArray[np.str_]
    confidences: Floats
    features: NDArray[np.float32]
    look: Mapping[str, Floats]

    @property
    def accuracy(self) -> float:
        return float((self.truth == self.predicted).mean())


def answers(
    rng: np.random.Generator,
    n: int,
    *,
    mix: Mapping[str, float] = EVEN,
    faded: float = 0.0,
    moved: float = 0.0,
    look: Mapping[str, float] = LOOK,
) -> Answers:
    """Return answers to n images.

    Args:
        rng: What draws them.
        n: How many.
        mix: The share of each class.
        faded: The share of what tells classes that is lost: answers get unsure, and more of them wrong.
        moved: How far a feature that tells no class has moved.
        look: The median of each image statistic.
    """
    places = rng.choice(len(CLASSES), n, p=[mix.get(label, 0.0) for label in CLASSES])
    features = rng.normal(0, 1, (n, N_FEATURES))
    features[:, :6] += (1 - faded) * _CENTRES[places]
    features[:, -1] += moved
    scores = features[:, :6] @ _CENTRES.T - (_CENTRES**2).sum(axis=1) / 2
    posterior = np.exp(scores - scores.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    names = np.asarray(CLASSES)
    return Answers(
        truth=names[places],
        predicted=names[posterior.argmax(axis=1)],
        confidences=posterior.max(axis=1),
        features=features.astype(np.float32),
        look={name: _drawn(rng, name, median, n) for name, median in look.items()},
    )


def baseline_of(held_out: Answers, *, n_undecodable: int = 0) -> Baseline:
    right = held_out.truth == held_out.predicted
    return Baseline(
        edges=CONFIDENCE_EDGES,
        counts_by_class=counted(held_out.confidences, held_out.predicted),
        image_statistics={
            name: Histogram(edges=STATISTIC_EDGES[name], counts=binned(name, values))
            for name, values in held_out.look.items()
        },
        right_by_class=counted(held_out.confidences[right], held_out.predicted[right]),
        counts_by_truth=counted(held_out.confidences, held_out.truth),
        confusion={
            truth: {label: int(((held_out.truth == truth) & (held_out.predicted == label)).sum()) for label in CLASSES}
            for truth in CLASSES
        },
        n_undecodable=n_undecodable,
        features=FeatureSample(rows=held_out.features, truth=tuple(held_out.truth.tolist())),
    )


def window_of(new: Answers, *, n_undecodable: int = 0) -> WindowCounts:
    return WindowCounts(
        counts_by_class=counted(new.confidences, new.predicted),
        image_statistics={name: binned(name, values) for name, values in new.look.items()},
        features=new.features,
        n_undecodable=n_undecodable,
    )


def counted(confidences: Floats, labels: Sequence[str] | NDArray[np.str_]) -> dict[str, tuple[int, ...]]:
    return count_confidences(confidences, [str(label) for label in labels], classes=CLASSES)


def binned(statistic: str, values: Floats) -> tuple[int, ...]:
    """Return the values in each bin of a statistic; what is above the last edge is in the last bin."""
    edges = STATISTIC_EDGES[statistic]
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return tuple(np.bincount(bins, minlength=len(edges) - 1).tolist())


def _drawn(rng: np.random.Generator, name: str, median: float, n: int) -> Floats:
    if name in {"brightness", "contrast"}:
        return np.clip(rng.normal(median, SPREADS[name], n), 0, 1)
    return np.asarray(median * np.exp(rng.normal(0, SPREADS[name], n)))
