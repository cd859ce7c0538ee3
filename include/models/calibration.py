"""Confidences that mean what they say: temperature scaling, and how far off the confidences still are."""

import logging

import numpy as np
from numpy.typing import NDArray

from include.errors import ModelError

log = logging.getLogger(__name__)

MIN_TEMPERATURE = 0.05
MAX_TEMPERATURE = 20.0
MIN_IMAGES = 20
"""Fewer validation images than this say too little about a temperature."""
UNCALIBRATED = 1.0
"""The temperature that leaves confidences as they are."""


def softmax(logits: NDArray[np.floating], *, temperature: float = UNCALIBRATED) -> NDArray[np.float64]:
    """Return probabilities [n, n_classes] from logits [n, n_classes]; rows sum to 1."""
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def negative_log_likelihood(
    logits: NDArray[np.floating], labels: NDArray[np.int64], *, temperature: float = UNCALIBRATED
) -> float:
    """Return the mean negative logarithm of the probability given to the true class, in nats.

    Args:
        logits: [n, n_classes], n at least 1.
        labels: The index of each image's true class, [n].
        temperature: What the logits are divided by.
    """
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    of_truth = scaled[np.arange(len(labels)), labels]
    return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - of_truth))


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Return the temperature that makes held-out labels most likely (Guo et al. 2017, section 4.2).

    The negative log-likelihood is convex in the inverse temperature, and its derivative there, the mean over images of
    the expected logit minus the true class's logit, grows with it: its zero is found by bisection.

    Where the labels say nothing about a temperature (fewer than `MIN_IMAGES` images, all of them right, or none better
    than chance, so that the best temperature is at an end of the range) it is 1, which changes nothing.

    Args:
        logits: [n, n_classes], of images that were not trained on.
        labels: The index of each image's true class, [n].

    Raises:
        ModelError: A logit is not a finite number.
    """
    if not np.isfinite(logits).all():
        raise ModelError("cannot calibrate: the model's answers on validation images are not numbers; train it anew")
    if len(labels) < MIN_IMAGES:
        log.info("temperature stays 1: %d validation images are fewer than %d", len(labels), MIN_IMAGES)
        return UNCALIBRATED
    logits = logits.astype(np.float64)
    of_truth = logits[np.arange(len(labels)), labels]

    def slope(inverse: float) -> float:
        expected = (softmax(logits, temperature=1 / inverse) * logits).sum(axis=1)
        return float(np.mean(expected - of_truth))

    low, high = 1 / MAX_TEMPERATURE, 1 / MIN_TEMPERATURE
    if not slope(low) < 0 < slope(high):
        log.info("temperature stays 1: %d validation images do not determine one", len(labels))
        return UNCALIBRATED
    while high / low > 1 + 1e-9:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    temperature = float(1 / low)
    log.info("temperature %.3f fitted on %d validation images", temperature, len(labels))
    return temperature


def expected_calibration_error(
    confidences: NDArray[np.floating], correct: NDArray[np.bool_], *, n_bins: int = 15
) -> float:
    """Return the mean gap between confidence and accuracy, from 0 (best) to 1.

    Confidences are put into bins (lower, upper] of equal width, and the gaps of the bins are weighted by their images
    (Naeini et al. 2015; Guo et al. 2017, equation 3).

    Args:
        confidences: The probability given to each image's predicted class, [n], n at least 1.
        correct: Whether that class is the true one, [n].
        n_bins: How many bins 0…1 is cut into.
    """
    upper_edges = np.linspace(0, 1, n_bins + 1)[1:]
    bins = np.minimum(np.searchsorted(upper_edges, confidences, side="left"), n_bins - 1)
    # images x |mean confidence - accuracy| of a bin is |sum of confidences - sum of hits|
    gaps = np.abs(np.bincount(bins, weights=confidences - correct.astype(np.float64), minlength=n_bins))
    return float(gaps.sum() / len(confidences))
