"""Many small JPEG files that a network can tell apart: coloured gradients, whose direction is their class."""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

N_CLASSES = 10
SIDES = (96, 128)
"""The shortest and the longest side, in pixels."""
N_PICTURES = 100
"""Different pictures of each class: all files have another content, but those of one picture the same pixels."""


def write_gradients(folder: Path, numbers: range, *, is_drifted: bool) -> None:
    """Write the files.

    Args:
        folder: Where; the classes are folders in it.
        numbers: One for each file; each tenth is of the same class.
        is_drifted: Whether they are pale.
    """
    rng = np.random.default_rng([numbers.start, is_drifted])
    for label in range(N_CLASSES):
        of_class = folder / f"class_{label}"
        of_class.mkdir(parents=True, exist_ok=True)
        pictures = [_jpeg(label, rng, is_drifted=is_drifted) for _ in range(N_PICTURES)]
        for number in numbers[label::N_CLASSES]:
            content = pictures[number // N_CLASSES % N_PICTURES]
            # A comment of its own makes it another file, for a hundredth of what another picture takes.
            comment = f"{'new' if is_drifted else 'train'} {number}".encode()
            segment = b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment
            (of_class / f"{number:06d}.jpg").write_bytes(content[:2] + segment + content[2:])


def _jpeg(label: int, rng: np.random.Generator, *, is_drifted: bool) -> bytes:
    content = BytesIO()
    Image.fromarray(_picture(label, rng, is_drifted=is_drifted)).save(content, "JPEG", quality=75)
    return content.getvalue()


def _picture(label: int, rng: np.random.Generator, *, is_drifted: bool) -> NDArray[np.uint8]:
    """Return RGB, [height, width, 3]."""
    height, width = rng.integers(SIDES[0], SIDES[1] + 1, size=2)
    y, x = np.mgrid[0:height, 0:width] / SIDES[1]
    angle = 2 * np.pi * (label + rng.normal(0, 0.1)) / N_CLASSES
    gradient = 0.5 + 0.35 * np.sin(6 * (np.cos(angle) * x + np.sin(angle) * y) + rng.uniform(0, 1))
    levels = gradient[..., np.newaxis] * rng.uniform(0.6, 1.0, size=3)
    if is_drifted:
        levels = 0.6 + 0.25 * levels
    noise = rng.normal(0, 0.02, (height, width, 3))
    return (255 * np.clip(levels + noise, 0, 1)).astype(np.uint8)
