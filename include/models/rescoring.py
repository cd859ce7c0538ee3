"""Answers by what a version's backbone has seen in images: the network looks at those that it has not seen yet."""

import logging
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from include.errors import UnstorableFeaturesError
from include.models.answers import Predictions, calibrated
from include.models.artefact import LoadedModel
from include.models.backbone import Backbone, Head
from include.models.embedding import FeatureSource, Places
from include.models.prediction import Outputs, Predictor
from include.store.dataset import LabelledImages
from include.store.pixels import ImageSource

log = logging.getLogger(__name__)

Reduce = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Makes features of the penultimate layer's outputs, [b, n_outputs] to [b, n_features]."""


def answer_images(
    model: LoadedModel,
    contents: Sequence[str],
    images_at: Callable[[Places], ImageSource],
    *,
    source: FeatureSource | None,
) -> Predictions:
    """Classify images, by their features if there is a source of these and it can keep them.

    Args:
        model: The version that answers.
        contents: The SHA-256 of each image's file.
        images_at: Gives the images at these places of `contents`, at least one.
        source: Where features come from and go to; None: all images go through the network.

    Raises:
        ModelError: An answer is not a number.
        StoreError: A file cannot be read or written.
    """
    if source is not None:
        try:
            return answers_with_features(source, model, contents, images_at)
        except UnstorableFeaturesError as error:
            log.warning("no features are kept: %s", error)
    return Predictor(model).predict(images_at(np.arange(len(contents), dtype=np.int64)))


def outputs_with_features(
    source: FeatureSource,
    backbone: Backbone,
    images: LabelledImages,
    *,
    reduce: Reduce,
) -> Outputs:
    """Return what `predict_outputs` does, of the network that `backbone` is of: by features, as far as there are any.

    Raises:
        As `FeatureSource.visit`.
    """
    features = source.embed(backbone, images)
    return Outputs(Head(backbone.model).logits(features), reduce(features.astype(np.float32)))


def answers_with_features(
    source: FeatureSource,
    model: LoadedModel,
    contents: Sequence[str],
    images_at: Callable[[Places], ImageSource],
) -> Predictions:
    """Classify images, and keep what the backbone sees in those that it has not seen yet.

    An image gets the same answer whether its features were there or not: all answers are made of what is kept.

    Args:
        source: Where features come from and go to.
        model: The version that answers.
        contents: The SHA-256 of each image's file.
        images_at: Gives the images at these places of `contents`; it is asked for those that have no features.

    Raises:
        UnstorableFeaturesError: What the network sees cannot be kept as float16: `Predictor` answers all the same.
        ModelError: An answer is not a number.
        MissingFeaturesError: A file of features has gone meanwhile; try again.
        StoreError: A file cannot be read or written.
    """
    backbone = Backbone.of_version(model)
    features = np.empty((len(contents), backbone.id.width), dtype=np.float16)

    def see(places: Places, seen: NDArray[np.float16]) -> None:
        features[places] = seen

    source.visit(backbone, contents, images_at, see)
    return FeatureAnswers(model).answer(features)


class FeatureAnswers:
    """A version's answers to images, by their features: a product with the last layer's weights.

    An image gets the same answer whether its features were there or have just been seen: all are made of what is kept.

    Args:
        model: The version.
    """

    def __init__(self, model: LoadedModel) -> None:
        self._card = model.card
        self._head = Head(model.model)
        self._projection = model.projection

    def answer(self, features: NDArray[np.float16]) -> Predictions:
        """Answer the images of which these are the features [b, width], at least one.

        Raises:
            ModelError: An answer is not a number.
        """
        projected = self._projection.project(features) if self._projection else None
        return calibrated(self._card, self._head.logits(features), projected)
