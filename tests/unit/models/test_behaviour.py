"""What anybody would expect of a classifier of shapes, whatever its accuracy (Ribeiro et al. 2020)."""

import numpy as np
from numpy.typing import NDArray
from synthetic_images import InMemoryImages, shapes

from include.models.calibration import softmax
from include.models.prediction import predict_logits
from include.models.training import TrainedModel


def answers(trained: TrainedModel, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    return predict_logits(trained.model, InMemoryImages(pixels)).argmax(axis=1)


def test_a_little_light_changes_no_answer(trained: TrainedModel) -> None:
    pixels = shapes(150, seed=20).images.pixels
    lit = np.clip(pixels.astype(int) + 10, 0, 255).astype(np.uint8)

    assert (answers(trained, lit) == answers(trained, pixels)).mean() >= 0.97


def test_a_shift_by_a_pixel_changes_no_answer(trained: TrainedModel) -> None:
    pixels = shapes(150, seed=21).images.pixels

    assert (answers(trained, np.roll(pixels, 1, axis=2)) == answers(trained, pixels)).mean() >= 0.95


def test_a_mirrored_shape_is_the_same_shape(trained: TrainedModel) -> None:
    pixels = shapes(150, seed=22).images.pixels

    assert (answers(trained, pixels[:, :, ::-1].copy()) == answers(trained, pixels)).mean() >= 0.95


def test_confidence_sinks_as_noise_covers_the_shape(trained: TrainedModel) -> None:
    # given the same images under more and more noise
    pixels = shapes(150, seed=23).images.pixels.astype(float)
    noise = np.random.default_rng(0).uniform(0, 255, pixels.shape)
    shares = (0.0, 0.4, 0.9)

    # when they are classified
    confidences = [
        softmax(predict_logits(trained.model, InMemoryImages(((1 - share) * pixels + share * noise).astype(np.uint8))))
        .max(axis=1)
        .mean()
        for share in shares
    ]

    # then
    assert confidences[0] > confidences[1] > confidences[2]
