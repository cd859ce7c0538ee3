"""What an image looks like, in five numbers: the signals by which broken images are told from drifted ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""The weights of red, green and blue in ITU-R BT.601."""


@dataclass(frozen=True)
class ImageStatistics:
    """The size of an image as it was, and how its resized pixels look."""

    width: int
    """Of the original image the right way up, in pixels."""
    height: int
    """Of the original image the right way up, in pixels."""
    brightness: float
    """The mean luma, 0 (black) to 1 (white)."""
    contrast: float
    """The standard deviation of luma, 0 (one grey) to 0.5 (half black, half white)."""
    sharpness: float
    """The variance of the Laplacian of luma, 0 (one grey) to 16; blur lowers it."""


def measure(pixels: NDArray[np.uint8], *, width: int, height: int) -> ImageStatistics:
    """Measure a resized image, so that the numbers of images of different sizes can be compared.

    Sharpness is the variance of the 4-neighbour Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield
    microscopy: a comparative study", ICPR 2000, section 2), over the pixels that have all four neighbours.

    Args:
        pixels: RGB, [height, width, 3] of the resized image, at least 3 x 3.
        width: The width of the original image, in pixels.
        height: The height of the original image, in pixels.
    """
    luma = pixels.astype(np.float32) @ _LUMA / np.float32(255)
    neighbours = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    laplacian = neighbours - 4 * luma[1:-1, 1:-1]
    return ImageStatistics(
        width=width,
        height=height,
        brightness=float(luma.mean()),
        contrast=float(luma.std()),
        sharpness=float(laplacian.var()),
    )
