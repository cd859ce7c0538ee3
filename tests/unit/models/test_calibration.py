import numpy as np
import pytest

from include.errors import ModelError
from include.models.calibration import (
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    softmax,
)


def draw(n_images: int, *, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw logits, and labels from their softmax at a temperature: the one that should be found."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=3, size=(n_images, 5)).astype(np.float32)
    thresholds = softmax(logits, temperature=temperature).cumsum(axis=1)
    labels = (rng.random((n_images, 1)) > thresholds).sum(axis=1).clip(max=4)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found(temperature: float) -> None:
    logits, labels = draw(20_000, temperature=temperature)

    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.04)


def test_the_temperature_is_where_the_likelihood_is_best() -> None:
    logits, labels = draw(500, temperature=1.7)

    best = fit_temperature(logits, labels)

    at_best = negative_log_likelihood(logits, labels, temperature=best)
    assert at_best < negative_log_likelihood(logits, labels, temperature=best * 1.01)
    assert at_best < negative_log_likelihood(logits, labels, temperature=best / 1.01)


def test_calibration_makes_the_error_smaller() -> None:
    logits, labels = draw(20_000, temperature=2.5)
    correct = logits.argmax(axis=1) == labels

    before, after = (
        expected_calibration_error(softmax(logits, temperature=temperature).max(axis=1), correct)
        for temperature in (1.0, fit_temperature(logits, labels))
    )

    assert before > 0.1
    assert after < 0.02


def test_labels_that_say_nothing_leave_the_temperature_at_1() -> None:
    logits, labels = draw(300, temperature=1.0)

    assert fit_temperature(logits[:19], labels[:19]) == 1.0
    assert fit_temperature(logits[:0], labels[:0]) == 1.0
    assert fit_temperature(logits, logits.argmax(axis=1)) == 1.0  # all right: the colder the better
    assert fit_temperature(logits, logits.argmin(axis=1)) == 1.0  # worse than chance: the hotter the better
    assert fit_temperature(np.zeros((300, 5)), labels) == 1.0


def test_answers_that_are_not_numbers_are_refused() -> None:
    logits, labels = draw(30, temperature=1.0)
    logits[3, 2] = np.nan

    with pytest.raises(ModelError, match="not numbers"):
        fit_temperature(logits, labels)


def test_the_error_of_four_images_by_hand() -> None:
    # bins of 0.25: (0.25, 0.5] holds 0.4 and 0.5 (accuracy 1/2, mean 0.45), (0.75, 1] holds 0.8 and 1 (1/2, 0.9)
    confidences = np.array([0.4, 0.5, 0.8, 1.0])
    correct = np.array([True, False, False, True])

    error = expected_calibration_error(confidences, correct, n_bins=4)

    assert error == pytest.approx(2 / 4 * 0.05 + 2 / 4 * 0.4)


def test_perfect_confidence_has_no_error() -> None:
    assert expected_calibration_error(np.ones(10), np.ones(10, dtype=bool)) == 0.0
    assert expected_calibration_error(np.zeros(10), np.zeros(10, dtype=bool)) == 0.0


def test_probabilities_sum_to_1_even_of_huge_logits() -> None:
    probabilities = softmax(np.array([[1e4, 0.0, -1e4], [1.0, 1.0, 1.0]]), temperature=0.05)

    assert probabilities.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert probabilities[1] == pytest.approx([1 / 3] * 3)
