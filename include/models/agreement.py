"""Whether a faster way to answer answers as the exact one does."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.models.calibration import softmax

PROBE_IMAGES = 200
"""How many images agreement is measured on: one of them may change its class."""
MIN_AGREEMENT = 0.995
"""The share of the probe that must keep its class (top 1)."""
MAX_CONFIDENCE_CHANGE = 0.01
"""How much confidences of the probe may change on average."""


class Agreement(NamedTuple):
    """How far two sets of answers to the same images are from each other."""

    same_class: float
    """The share of images whose most likely class is the same."""
    confidence_change: float
    """The mean over the images of |difference of the highest probability|.

    The mean of differences would hide what goes up here and down there.
    """

    @classmethod
    def between(cls, exact: NDArray[np.float32], rounded: NDArray[np.float32]) -> "Agreement":
        """Compare logits [n, n_classes] with those of float32, before calibration."""
        confidences, others = (softmax(logits, temperature=1.0).max(axis=1) for logits in (exact, rounded))
        same_class = (exact.argmax(axis=1) == rounded.argmax(axis=1)).mean()
        return cls(float(same_class), float(np.abs(confidences - others).mean()))

    @property
    def holds(self) -> bool:
        """Whether the answers are as good as float32's."""
        return self.same_class >= MIN_AGREEMENT and self.confidence_change < MAX_CONFIDENCE_CHANGE

    def __str__(self) -> str:
        return f"{100 * self.same_class:.1f} % keep their class, confidences change by {self.confidence_change:.4f}"
