"""Whether a model answers the same when its images are decoded at a smaller scale than those that it was trained on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.config_parts import PreprocessingConfig
from include.images.decode import decode
from include.models.compute import MAX_CONFIDENCE_CHANGE, MIN_AGREEMENT
from include.models.prediction import Predictor
from include.store.pixels import ImageSource


class Agreement(NamedTuple):
    """How far two sets of answers to the same images agree."""

    same_labels: float
    """The share of images with the same label, 0 to 1."""
    confidence_change: float
    """How far the mean confidence moves, 0 to 1."""

    @property
    def holds(self) -> bool:
        """Whether nobody would notice the difference."""
        return self.same_labels >= MIN_AGREEMENT and self.confidence_change < MAX_CONFIDENCE_CHANGE


class _Decoded:
    """Files as an `ImageSource`."""

    def __init__(self, contents: Sequence[bytes], preprocessing: PreprocessingConfig) -> None:
        self._contents = contents
        self._preprocessing = preprocessing

    def __len__(self) -> int:
        return len(self._contents)

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        size, detail = self._preprocessing.size, self._preprocessing.jpeg_detail
        return np.stack([decode(self._contents[index], size=size, jpeg_detail=detail).pixels for index in indices])


def agreement_between(
    predictor: Predictor, contents: Sequence[bytes], before: PreprocessingConfig, after: PreprocessingConfig
) -> Agreement:
    """Let a model answer the same files, prepared in two ways.

    Args:
        predictor: The model.
        contents: Image files, at least one, all of them readable.
        before: What the model was trained with.
        after: What else could be done to the images; of the same size.

    Raises:
        UnreadableImageError: One of the files is not an image.
        ModelError: The model was trained on images of another size.
    """
    sources: list[ImageSource] = [_Decoded(contents, preprocessing) for preprocessing in (before, after)]
    first, second = (predictor.predict(source) for source in sources)
    same = np.mean([one == other for one, other in zip(first.labels, second.labels, strict=True)])
    change = abs(float(first.confidences.mean()) - float(second.confidences.mean()))
    return Agreement(float(same), change)
