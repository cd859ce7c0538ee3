"""Decoded images made small for people to look at, in the proportions of their originals."""

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a quarter of a second to import
    from PIL import Image

_TINY = 40
"""Images up to this size, in pixels, are enlarged pixel by pixel: smoothed, they would be nothing but a blur."""
_QUALITY = 85
_LEAST_SIDE = 0.05
"""Of a picture that is twenty times as wide as high, or more, a line would be all that is left."""


def fitted(pixels: NDArray[np.uint8], *, proportions: float, side: int) -> "Image.Image":
    """Return an image as large as fits into a square, as wide for its height as the original was.

    Args:
        pixels: RGB, [size, size, 3], to which the original was squeezed.
        proportions: The original's width divided by its height.
        side: Of the square, in pixels.
    """
    from PIL import Image

    width, height = min(1.0, proportions), min(1.0, 1 / proportions)
    size = (max(1, round(side * max(width, _LEAST_SIDE))), max(1, round(side * max(height, _LEAST_SIDE))))
    smooth = Image.Resampling.NEAREST if len(pixels) <= _TINY else Image.Resampling.LANCZOS
    return Image.fromarray(pixels).resize(size, smooth)


def as_jpeg(picture: "Image.Image") -> bytes:
    """Return a picture as a JPEG file."""
    with io.BytesIO() as content:
        picture.save(content, "JPEG", quality=_QUALITY, optimize=True)
        return content.getvalue()
