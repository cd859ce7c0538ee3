"""What a model says about images."""

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from include.errors import ModelError
from include.models.artefact import LoadedModel, ModelCard
from include.models.batches import gathered
from include.models.calibration import softmax
from include.models.compute import IMAGENET, Compute, Normalisation, choose_compute
from include.models.features import penultimate_outputs
from include.store.pixels import ImageSource

log = logging.getLogger(__name__)

BATCH_SIZE = 256
_WORTH_TIMING = 1024
"""The number of images below which choosing how to compute takes longer than it saves."""


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


class Outputs(NamedTuple):
    """What comes out of a network, in the order of the images."""

    logits: NDArray[np.float32]
    """[n, n_classes]; [0, 0] for no images."""
    features: NDArray[np.float32]
    """[n, n_features]; [n, 0] if none were asked for."""


class Predictor:
    """A loaded model that classifies images, with the preprocessing and the temperature of its own card."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._model = loaded.model
        self._card = loaded.card
        self._projection = loaded.projection

    def predict(self, images: ImageSource) -> Predictions:
        """Classify images.

        Raises:
            ModelError: The images are of another size than the model was trained on, or an answer is not a number.
        """
        card = self._card
        if len(images):
            side = images.gather(np.zeros(1, dtype=np.int64)).shape[1]
            if side != card.preprocessing.size:
                raise ModelError(
                    f"the model was trained on images of {card.preprocessing.size} px, these have {side} px: "
                    f"preprocess them as its card says"
                )
        started = time.monotonic()
        logits, features = predict_outputs(
            self._model,
            images,
            reduce=self._projection.project if self._projection else None,
            normalisation=Normalisation(card.normalisation.mean, card.normalisation.std),
        )
        answers = calibrated(card, logits, features)
        log.info("classified %d images in %.1f s", len(answers.labels), time.monotonic() - started)
        return answers


def calibrated(card: ModelCard, logits: NDArray[np.float32], features: NDArray[np.float32]) -> Predictions:
    """Return the answers that a version gives by these logits.

    Args:
        card: The version's.
        logits: [n, n_classes]; [0, 0] for no images.
        features: [n, n_features], of the card's projection; [n, 0]: there is none.

    Raises:
        ModelError: An answer is not a number.
    """
    if not len(logits):
        return Predictions((), np.empty(0, np.float32), np.empty((0, len(card.classes)), np.float32), features)
    if not (np.isfinite(logits).all() and np.isfinite(features).all()):
        raise ModelError("the model's answers are not numbers: its weights are broken, promote another version")
    scores = softmax(logits, temperature=card.temperature).astype(np.float32)
    labels = tuple(card.classes[index] for index in scores.argmax(axis=1))
    return Predictions(labels, scores.max(axis=1), scores, features)


def predict_logits(
    model: nn.Module,
    images: ImageSource,
    *,
    batch_size: int = BATCH_SIZE,
    compute: Compute | None = None,
    normalisation: Normalisation = IMAGENET,
) -> NDArray[np.float32]:
    """Return the logits [n, n_classes] of n images, [0, 0] for none: `predict_outputs` without features."""
    return predict_outputs(
        model, images, reduce=None, batch_size=batch_size, compute=compute, normalisation=normalisation
    ).logits


def predict_outputs(
    model: nn.Module,
    images: ImageSource,
    *,
    reduce: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None,
    batch_size: int = BATCH_SIZE,
    compute: Compute | None = None,
    normalisation: Normalisation = IMAGENET,
) -> Outputs:
    """Send images through a network, once.

    A few batches of pixels are in memory at a time. The model is left in evaluation mode, on the device and in the
    memory layout that it computed in.

    Args:
        model: A classifier.
        images: What to classify.
        reduce: What is kept as features of the penultimate layer's outputs for each batch, [b, n_outputs] to
            [b, n_features]; None: nothing.
        batch_size: Images that go through the model at once.
        compute: How to compute; by default whatever a few timed steps show to be fastest, if there are enough images
            for that to pay.
        normalisation: What the model was trained with.
    """
    indices = np.arange(len(images), dtype=np.int64)
    batches = [indices[start : start + batch_size] for start in range(0, len(indices), batch_size)]
    if not batches:
        return Outputs(np.empty((0, 0), dtype=np.float32), np.empty((0, 0), dtype=np.float32))
    if compute is None:
        worth_timing = len(images) >= _WORTH_TIMING
        compute = choose_compute(model, images.gather(batches[0]), training=False) if worth_timing else Compute()
    compute.place(model).eval()
    logits, features = [], []
    with compute.threads(), torch.inference_mode(), ExitStack() as stack:
        penultimate = stack.enter_context(penultimate_outputs(model)) if reduce else None
        for pixels in gathered(images, batches):
            with compute.autocast():
                answers = model(compute.inputs(pixels, normalisation))
            logits.append(answers.float().cpu().numpy())
            kept = reduce(penultimate()) if reduce and penultimate else np.empty((len(pixels), 0), dtype=np.float32)
            features.append(kept)
    return Outputs(np.concatenate(logits), np.concatenate(features))
