"""Whether a model answers the same when its images are decoded at a smaller scale than those that it was trained on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from include.config_parts import PreprocessingConfig
from include.images.decode import decode
from include.models.agreement import Agreement
from include.models.prediction import Predictor
from include.store.pixels import ImageSource


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
    return Agreement(float(same), float(np.abs(first.confidences - second.confidences).mean()))
