"""How good a model is, on images that it has not seen."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from include.errors import ModelError
from include.models.calibration import expected_calibration_error, negative_log_likelihood, softmax

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassMetrics:
    """How good a model is at one class."""

    label: str
    n_images: int
    """Test images of this class."""
    precision: float | None
    """Of the images that were given this class, the share that is of it; None if there are none."""
    recall: float | None
    """Of the images of this class, the share that was given it; None if there are none."""


@dataclass(frozen=True)
class Evaluation:
    """What a model reached on the test images."""

    accuracy: float
    n_images: int
    per_class: tuple[ClassMetrics, ...]
    """In the order of the classes."""
    expected_calibration_error: float
    """Of the confidences as they are used, after temperature scaling."""
    uncalibrated_calibration_error: float
    """Of the confidences before it."""
    mean_confidence: float
    negative_log_likelihood: float
    """In nats, after temperature scaling."""
    temperature: float
    confusion_matrix: tuple[tuple[int, ...], ...]
    """How many images of the class of the row were given the class of the column."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of rows and columns."""
        return tuple(metrics.label for metrics in self.per_class)

    def as_metrics(self) -> dict[str, Any]:
        """Return all of it in the form of the column METRICS, ready for JSON."""
        return asdict(self)


def evaluate(
    logits: NDArray[np.floating], labels: NDArray[np.int64], *, temperature: float, classes: Sequence[str]
) -> Evaluation:
    """Compare a model's answers with the truth.

    Args:
        logits: The model's answers to the test images, [n, n_classes].
        labels: The index of each image's true class, [n].
        temperature: From `calibration.fit_temperature`.
        classes: The names of the classes.

    Raises:
        ModelError: There are no test images, or answers, labels and classes do not fit each other.
    """
    _check(logits, labels, classes)
    n_classes = len(classes)
    predicted = logits.argmax(axis=1)
    # counted here: sklearn.metrics takes two to eight seconds to import
    pairs = np.bincount(labels * n_classes + predicted, minlength=n_classes**2)
    confusion = pairs.reshape(n_classes, n_classes)
    confidences = softmax(logits, temperature=temperature).max(axis=1)
    correct = predicted == labels
    evaluation = Evaluation(
        accuracy=float(correct.mean()),
        n_images=len(labels),
        per_class=_per_class(confusion, classes),
        expected_calibration_error=expected_calibration_error(confidences, correct),
        uncalibrated_calibration_error=expected_calibration_error(softmax(logits).max(axis=1), correct),
        mean_confidence=float(confidences.mean()),
        negative_log_likelihood=negative_log_likelihood(logits, labels, temperature=temperature),
        temperature=temperature,
        confusion_matrix=tuple(tuple(row) for row in confusion.tolist()),
    )
    log.info(
        "accuracy %.3f on %d test images, expected calibration error %.3f (%.3f before temperature %.2f)",
        evaluation.accuracy,
        evaluation.n_images,
        evaluation.expected_calibration_error,
        evaluation.uncalibrated_calibration_error,
        temperature,
    )
    return evaluation


def _check(logits: NDArray[np.floating], labels: NDArray[np.int64], classes: Sequence[str]) -> None:
    if not len(labels):
        raise ModelError("there are no test images to evaluate on: add labelled images")
    if logits.shape != (len(labels), len(classes)):
        raise ModelError(
            f"the answers have shape {list(logits.shape)}, {len(labels)} test images of {len(classes)} classes need "
            f"{[len(labels), len(classes)]}: evaluate with the classes that the model was trained on"
        )
    if labels.min() < 0 or labels.max() >= len(classes):
        raise ModelError(f"test labels run from {labels.min()} to {labels.max()}, there are {len(classes)} classes")
    if not np.isfinite(logits).all():
        raise ModelError("the model's answers on test images are not numbers: train it anew")


def _per_class(confusion: NDArray[np.int64], classes: Sequence[str]) -> tuple[ClassMetrics, ...]:
    hits, of_class, given = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return tuple(
        ClassMetrics(
            label=label,
            n_images=int(of_class[index]),
            precision=float(hits[index] / given[index]) if given[index] else None,
            recall=float(hits[index] / of_class[index]) if of_class[index] else None,
        )
        for index, label in enumerate(classes)
    )
