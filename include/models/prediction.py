"""What a model says about images."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from include.errors import ModelError
from include.models.answers import Predictions, calibrated
from include.models.artefact import LoadedModel
from include.models.batches import gathered, in_order
from include.models.choices import ChoiceCache
from include.models.compute import IMAGENET, Compute, Normalisation
from include.models.forward import ForwardPass, forward_pass
from include.models.network import Outputs as NetworkOutputs
from include.store.pixels import ImageSource

log = logging.getLogger(__name__)

BATCH_SIZE = 256


class Outputs(NamedTuple):
    """What comes out of a network, in the order of the images."""

    logits: NDArray[np.float32]
    """[n, n_classes]; [0, 0] for no images."""
    features: NDArray[np.float32]
    """[n, n_features]; [n, 0] if none were asked for."""


class Predictor:
    """A loaded model that classifies images, with the preprocessing and the temperature of its own card.

    Args:
        loaded: The model.
        cache: Where what was measured about it on this machine is kept; by default the user's cache folder.
    """

    def __init__(self, loaded: LoadedModel, *, cache: ChoiceCache | None = None) -> None:
        self._model = loaded.model
        self._card = loaded.card
        self._projection = loaded.projection
        self._cache = cache or ChoiceCache.of_user(loaded.card.weights_sha256)
        self._forward: ForwardPass | None = None

    @contextmanager
    def ready(self, n_images: int, example: NDArray[np.uint8], *, keep_features: bool = False) -> Iterator[None]:
        """Be ready to `answer` batches of pixels until the block ends, in the way that is fastest for so many.

        Args:
            n_images: How many images are to come in all.
            keep_features: Whether `see` is called, too.
            example: The first of them, [b, s, s, 3] with b at least 1. Give `BATCH_SIZE` of them, or all if there are
                fewer: half precision has to agree with float32 on them. They are not answered by this.

        Raises:
            ModelError: The images are of another size than the model was trained on.
        """
        self._check_size(example)
        card = self._card
        with forward_pass(
            self._model,
            example,
            n_images=n_images,
            normalisation=Normalisation(card.normalisation.mean, card.normalisation.std),
            want_features=keep_features or self._projection is not None,
            cache=self._cache,
        ) as forward:
            self._forward = forward
            try:
                yield
            finally:
                self._forward = None

    def answer(self, pixels: NDArray[np.uint8]) -> Predictions:
        """Classify a batch, within a block of `ready`.

        Batches as large as the example are computed best; another size, as the last batch has, costs no compilation.

        Args:
            pixels: RGB, [b, s, s, 3].

        Raises:
            ModelError: The images are of another size than the model was trained on, or an answer is not a number.
            RuntimeError: It is not ready.
        """
        if not len(pixels):
            return self._no_answers()
        logits, penultimate = self._outputs(pixels)
        return calibrated(self._card, logits, self._projection.project(penultimate) if self._projection else None)

    def see(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the penultimate layer says about a batch [b, s, s, 3], within a block that keeps features.

        Returns:
            [b, n_outputs].

        Raises:
            ModelError: The images are of another size than the model was trained on.
            RuntimeError: It is not ready.
        """
        return self._outputs(pixels).penultimate

    def predict(self, images: ImageSource) -> Predictions:
        """Classify images, a batch at a time.

        Raises:
            ModelError: The images are of another size than the model was trained on, or an answer is not a number.
        """
        if not len(images):
            return self._no_answers()
        started = time.monotonic()
        batches = in_order(len(images), batch_size=BATCH_SIZE)
        with self.ready(len(images), images.gather(batches[0])):
            parts = [self.answer(pixels) for pixels in gathered(images, batches)]
        log.info("classified %d images in %.1f s", len(images), time.monotonic() - started)
        labels, confidences, scores, features = zip(*parts, strict=True)
        return Predictions(
            tuple(label for part in labels for label in part),
            np.concatenate(confidences),
            np.concatenate(scores),
            np.concatenate(features),
        )

    def _outputs(self, pixels: NDArray[np.uint8]) -> NetworkOutputs:
        if self._forward is None:
            raise RuntimeError("the predictor is not ready: answer within `with predictor.ready(…):`")
        self._check_size(pixels)
        return self._forward(pixels)

    def _check_size(self, pixels: NDArray[np.uint8]) -> None:
        expected, side = self._card.preprocessing.size, pixels.shape[1]
        if side != expected:
            raise ModelError(
                f"the model was trained on images of {expected} px, these have {side} px: preprocess them as its card "
                f"says"
            )

    def _no_answers(self) -> Predictions:
        n_features = self._projection.components.shape[1] if self._projection else 0
        return Predictions(
            (),
            np.empty(0, np.float32),
            np.empty((0, len(self._card.classes)), np.float32),
            np.empty((0, n_features), np.float32),
        )


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

    A few batches of pixels are in memory at a time. The model is left in evaluation mode and, on the CPU, in the
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
    if not len(images):
        return Outputs(np.empty((0, 0), dtype=np.float32), np.empty((0, 0), dtype=np.float32))
    batches = in_order(len(images), batch_size=batch_size)
    logits, features = [], []
    with forward_pass(
        model,
        images.gather(batches[0]),
        n_images=len(images),
        normalisation=normalisation,
        want_features=reduce is not None,
        compute=compute,
    ) as forward:
        for pixels in gathered(images, batches):
            answers, penultimate = forward(pixels)
            logits.append(answers)
            features.append(reduce(penultimate) if reduce else penultimate)
    return Outputs(np.concatenate(logits), np.concatenate(features))
