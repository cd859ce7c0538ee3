"""A small problem that takes seconds to learn, and images that lie in memory."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CLASSES = ("disc", "stripes", "triangle")


class InMemoryImages:
    """Images that are gathered from an array, as the pixel store gathers them from its segments."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels
        self.largest_batch = 0

    def __len__(self) -> int:
        return len(self.pixels)

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        self.largest_batch = max(self.largest_batch, len(indices))
        return self.pixels[indices]


class LabelledImages(NamedTuple):
    """What `include.store.dataset` has under this name."""

    images: InMemoryImages
    labels: NDArray[np.int64]


def shapes(n_images: int, *, size: int = 16, seed: int = 0) -> LabelledImages:
    """Draw discs, stripes and triangles in random colours at random places, on noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n_images) % len(CLASSES)
    pixels = rng.integers(0, 60, size=(n_images, size, size, 3))
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    for index, label in enumerate(labels):
        y, x = rows - rng.uniform(-0.1, 0.1), columns - rng.uniform(-0.1, 0.1)
        inside = (
            x**2 + y**2 < 0.09,
            (np.floor(rows * 8) % 2 == 0) & (abs(x) < 0.35),
            (y > -0.3) & (y < 0.3) & (abs(x) < (y + 0.3) / 1.8),
        )[label]
        pixels[index][inside] = rng.integers(120, 256, size=3)
    return LabelledImages(InMemoryImages(pixels.astype(np.uint8)), labels.astype(np.int64))
