"""What an image looks like, in five numbers: the signals by which broken images are told from drifted ones."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32) / np.float32(255)
"""The weights of red, green and blue (0 to 255) in ITU-R BT.601, for luma from 0 to 1."""


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
    n_rows, n_columns = pixels.shape[:2]
    # One long row of pixels: what is done to it is done in one go, and the last and first columns, which then are
    # neighbours, are left out at the end.
    luma: NDArray[np.float32] = pixels.reshape(-1, 3).astype(np.float32) @ _LUMA
    laplacian = -4 * luma[n_columns:-n_columns]
    laplacian += luma[: -2 * n_columns]
    laplacian += luma[2 * n_columns :]
    laplacian += luma[n_columns - 1 : -n_columns - 1]
    laplacian += luma[n_columns + 1 : luma.size - n_columns + 1]
    brightness, variance = _moments(luma)
    _, sharpness = _moments(laplacian.reshape(n_rows - 2, n_columns)[:, 1:-1].reshape(-1))
    return ImageStatistics(
        width=width, height=height, brightness=brightness, contrast=math.sqrt(variance), sharpness=sharpness
    )


def _moments(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the mean and the variance of values [n]."""
    mean = values.mean()
    differences = values - mean
    return float(mean), float(differences @ differences) / values.size
