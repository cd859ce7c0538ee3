"""What a model says about images."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from include.errors import ModelError
from include.models.artefact import LoadedModel
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

    @contextmanager
    def ready(self, n_images: int, example: NDArray[np.uint8]) -> Iterator[None]:
        """Hold the model ready to answer images a chunk at a time, in this thread; how it computes is chosen once.

        Args:
            n_images: About how many there will be: what a choice by timing must pay for.
            example: A chunk of their pixels, [b, s, s, 3].
        """
        reduce = self._projection.project if self._projection else None
        normalisation = Normalisation(self._card.normalisation.mean, self._card.normalisation.std)
        compute = choose_compute(self._model, example, training=False) if n_images >= _WORTH_TIMING else Compute()
        with _forward_pass(self._model, compute, reduce=reduce, normalisation=normalisation) as self._forward:
            yield

    def answer(self, pixels: NDArray[np.uint8]) -> Predictions:
        """Classify the images of a chunk [b, s, s, 3], at least one; to be called where the model is `ready`.

        Raises:
            ModelError: They are of another size than the model was trained on, or an answer is not a number.
        """
        self._check_size(pixels.shape[1])
        return self._predictions(self._forward(pixels))

    def predict(self, images: ImageSource) -> Predictions:
        """Classify images.

        Raises:
            ModelError: The images are of another size than the model was trained on, or an answer is not a number.
        """
        card = self._card
        if len(images):
            self._check_size(images.gather(np.zeros(1, dtype=np.int64)).shape[1])
        started = time.monotonic()
        outputs = predict_outputs(
            self._model,
            images,
            reduce=self._projection.project if self._projection else None,
            normalisation=Normalisation(card.normalisation.mean, card.normalisation.std),
        )
        if not len(outputs.logits):
            no_scores = np.empty((0, len(card.classes)), np.float32)
            return Predictions((), np.empty(0, np.float32), no_scores, outputs.features)
        predictions = self._predictions(outputs)
        log.info("classified %d images in %.1f s", len(predictions.labels), time.monotonic() - started)
        return predictions

    def _check_size(self, side: int) -> None:
        trained_on = self._card.preprocessing.size
        if side != trained_on:
            raise ModelError(
                f"the model was trained on images of {trained_on} px, these have {side} px: "
                f"preprocess them as its card says"
            )

    def _predictions(self, outputs: Outputs) -> Predictions:
        logits, features = outputs
        if not (np.isfinite(logits).all() and np.isfinite(features).all()):
            raise ModelError("the model's answers are not numbers: its weights are broken, promote another version")
        scores = softmax(logits, temperature=self._card.temperature).astype(np.float32)
        labels = tuple(self._card.classes[index] for index in scores.argmax(axis=1))
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
    with _forward_pass(model, compute, reduce=reduce, normalisation=normalisation) as forward:
        outputs = [forward(pixels) for pixels in gathered(images, batches)]
    logits, features = zip(*outputs, strict=True)
    return Outputs(np.concatenate(logits), np.concatenate(features))


@contextmanager
def _forward_pass(
    model: nn.Module,
    compute: Compute,
    *,
    reduce: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None,
    normalisation: Normalisation,
) -> Iterator[Callable[[NDArray[np.uint8]], Outputs]]:
    """Give a function that sends pixels [b, s, s, 3] through a network; see `predict_outputs`."""
    compute.place(model).eval()
    with compute.threads(), torch.inference_mode(), ExitStack() as stack:
        penultimate = stack.enter_context(penultimate_outputs(model)) if reduce else None

        def forward(pixels: NDArray[np.uint8]) -> Outputs:
            with compute.autocast():
                answers = model(compute.inputs(pixels, normalisation))
            kept = reduce(penultimate()) if reduce and penultimate else np.empty((len(pixels), 0), dtype=np.float32)
            return Outputs(answers.float().cpu().numpy(), kept)

        yield forward
