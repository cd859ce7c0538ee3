"""Perceptual hashes: pictures that a person takes for the same have hashes of which few bits differ.

The hash is that of `imagehash.phash` (64 bits of the low frequencies of a cosine transform), which survives another
size, format and compression.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from include.dataset.images import Fingerprints

TINY = 16
"""The side of the very small pictures, in pixels: enough to tell a copy from an image with the same outline."""
_BIT_VALUES = np.uint64(1) << np.arange(63, -1, -1, dtype=np.uint64)


class FingerprintMaker:
    """Takes the fingerprints of images as they come."""

    def __init__(self) -> None:
        self._places: list[int] = []
        self._hashes: list[np.uint64] = []
        self._tiny: list[NDArray[np.uint8]] = []

    def add(self, places: Sequence[int], pixels: NDArray[np.uint8]) -> None:
        """Take those of some images.

        Args:
            places: Where the images are in the data set.
            pixels: RGB, [len(places), size, size, 3].
        """
        import imagehash
        from PIL import Image

        for place, square in zip(places, pixels, strict=True):
            picture = Image.fromarray(square)
            self._places.append(place)
            self._hashes.append(_BIT_VALUES[imagehash.phash(picture).hash.ravel()].sum(dtype=np.uint64))
            self._tiny.append(np.asarray(picture.resize((TINY, TINY), Image.Resampling.BOX)))

    def done(self) -> Fingerprints:
        """Return all of them."""
        return Fingerprints(
            places=np.array(self._places, dtype=np.int64),
            hashes=np.array(self._hashes, dtype=np.uint64),
            tiny=np.stack(self._tiny) if self._tiny else np.empty((0, TINY, TINY, 3), dtype=np.uint8),
        )
