"""From logits to answers: the same for the tasks and for the function that SQL calls."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.errors import ModelError
from include.models.artefact import ModelCard
from include.models.calibration import softmax


class Predictions(NamedTuple):
    """A model's answers, in the order of the images."""

    labels: tuple[str, ...]
    """The most likely class of each of n images."""
    confidences: NDArray[np.float32]
    """[n], the calibrated probability of that class."""
    scores: NDArray[np.float32]
    """[n, n_classes], the calibrated probability of each class, in the order of the card's classes."""
    features: NDArray[np.float32]
    """[n, n_features], what the network sees in each image; [n, 0]: the model came without a projection."""


def calibrated(card: ModelCard, logits: NDArray[np.float32], features: NDArray[np.float32] | None) -> Predictions:
    """Return the answers that a version gives by these logits.

    Args:
        card: The version's.
        logits: [n, n_classes], at least one image.
        features: [n, n_features], of the version's projection; None: it has none.

    Raises:
        ModelError: An answer is not a number.
    """
    if features is None:
        features = np.empty((len(logits), 0), dtype=np.float32)
    if not (np.isfinite(logits).all() and np.isfinite(features).all()):
        raise ModelError("the model's answers are not numbers: its weights are broken, promote another version")
    scores = softmax(logits, temperature=card.temperature).astype(np.float32)
    labels = tuple(card.classes[index] for index in scores.argmax(axis=1))
    return Predictions(labels, scores.max(axis=1), scores, features)
