"""The images of a data set, as they were found: what each looks like, or why it cannot be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from include.images.statistics import ImageStatistics

NEW = "new"
"""The side of images that are to be classified; the sides of the others are those of `include.catalog.split.Split`."""


class DatasetImage(NamedTuple):
    """An image that was looked at."""

    path: str
    """Below its stage."""
    label: str | None
    """None: it has none, as new images do."""
    side: str
    """train, validation, test or new."""
    content_sha256: str | None
    """None: its file is too large to be read."""
    statistics: ImageStatistics | None
    """None: it cannot be decoded."""
    reason: str | None = None
    """Why it cannot be."""


class Pictures(Protocol):
    """Shows some of the images."""

    def gather(self, places: Sequence[int]) -> NDArray[np.uint8]:
        """Return the pixels of the images at these places, in this order: RGB, [len(places), size, size, 3]."""
        ...


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """By what copies of a picture are known that are not the same file."""

    places: NDArray[np.int64]
    """The places of the images that have one, [n]."""
    hashes: NDArray[np.uint64]
    """The perceptual hash of each, [n]."""
    tiny: NDArray[np.uint8]
    """Each as a very small picture, [n, 16, 16, 3]."""


@dataclass(frozen=True, kw_only=True)
class LookedAt:
    """A data set that was looked at."""

    images: Sequence[DatasetImage]
    fingerprints: Fingerprints
    """Of all readable images, or of a sample."""
    pictures: Pictures
