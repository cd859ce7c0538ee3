"""Images that look unlike the others of their data set: dark, bright, without contrast, blurred."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.dataset.images import DatasetImage
from include.images.statistics import ImageStatistics

MIN_SCORE = 3.5
"""From which modified z-score on a value is an outlier (Iglewicz and Hoaglin, "How to Detect and Handle Outliers",
ASQC 1993, section 3.3)."""
_OF_NORMAL = 0.6745
"""What makes the median absolute deviation of normal values a standard deviation."""
_MIN_IMAGES = 20
"""With fewer there is no telling what is usual."""
_LEAST_SHARPNESS = 1e-6
"""Of an image of one grey, whose logarithm would be infinite."""


class _Look(NamedTuple):
    title: str
    value: Callable[[ImageStatistics], float]
    sign: int
    """-1: low values are unusual; 1: high ones are."""
    least_spread: float
    """A data set whose images are all alike has outliers, too, but not for the last decimal."""


_LOOKS = (
    _Look("Dark", lambda look: look.brightness, -1, 0.02),
    _Look("Bright", lambda look: look.brightness, 1, 0.02),
    _Look("Without contrast", lambda look: look.contrast, -1, 0.01),
    _Look("Blurred", lambda look: float(np.log10(max(look.sharpness, _LEAST_SHARPNESS))), -1, 0.1),
)


class Outliers(NamedTuple):
    """The images that are unusual in one way."""

    title: str
    places: tuple[int, ...]
    """The most unusual first."""


def find_outliers(images: Sequence[DatasetImage]) -> list[Outliers]:
    """Return the unusual images, by what is unusual about them; none of a data set of very few images.

    Sharpness is compared by its logarithm, as it is spread over orders of magnitude.
    """
    readable = [(place, image.statistics) for place, image in enumerate(images) if image.statistics is not None]
    if len(readable) < _MIN_IMAGES:
        return []
    places = np.array([place for place, _ in readable])
    found = []
    for look in _LOOKS:
        scores = look.sign * _scores(np.array([look.value(of) for _, of in readable]), look.least_spread)
        unusual = np.flatnonzero(scores >= MIN_SCORE)
        order = unusual[np.argsort(-scores[unusual], kind="stable")]
        found.append(Outliers(look.title, tuple(int(place) for place in places[order])))
    return [outliers for outliers in found if outliers.places]


def _scores(values: NDArray[np.float64], least_spread: float) -> NDArray[np.float64]:
    """Return modified z-scores: how many standard deviations values are from the median, outliers left aside."""
    middle = np.median(values)
    spread = max(float(np.median(np.abs(values - middle))), least_spread)
    scores: NDArray[np.float64] = _OF_NORMAL * (values - middle) / spread
    return scores
