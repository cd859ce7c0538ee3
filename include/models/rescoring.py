"""Answers by what a version's backbone has seen in images: the network need not look at them again."""

import numpy as np
from numpy.typing import NDArray

from include.models.artefact import LoadedModel
from include.models.backbone import Head
from include.models.prediction import Predictions, calibrated


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
