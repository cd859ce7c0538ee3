"""Real pictures that need no download: the 1,797 handwritten digits of scikit-learn, as the files of two stages.

The pictures are the test part of Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (UCI, 1998).
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

N_DIGITS = 1797
N_TRAINING = 1000
N_NEW = 200
SIDE = 32
"""The side of the files in pixels: four times that of the originals, so that one can look at them."""
TURNED_FOLDER = "camera_b"
"""Where the pictures of the camera lie that was turned by a quarter."""
_SEED = 0
_GREY_LEVELS = 16


class WrittenDigits(NamedTuple):
    """What was written."""

    n_training: int
    truth: dict[str, str]
    """The true digit of each new image, by its path in the stage; the pipeline never sees it."""


def write_digits(training: Path, new: Path, *, n_training: int = N_TRAINING, n_new: int = N_NEW) -> WrittenDigits:
    """Write the digits as PNG files: those to train on in a folder for each digit, the new ones all in one.

    Args:
        training: The folder of the training stage.
        new: The folder of the incoming stage.
        n_training: How many to train on.
        n_new: How many new ones; both together at most 1,797.
    """
    digits = _digits_in_order()
    for index, label, picture in digits[:n_training]:
        _write(picture, training / label / f"{index:04d}.png")
    truth = write_batch(new, range(n_training, n_training + n_new))
    return WrittenDigits(n_training=len(digits[:n_training]), truth=truth)


def write_batch(
    new: Path, positions: range, *, is_turned: Callable[[int], bool] = lambda _position: False
) -> dict[str, str]:
    """Write digits that arrive in the incoming stage.

    Args:
        new: The folder of the incoming stage.
        positions: Which ones: their places in the order, which is always the same.
        is_turned: Whether the one at a place comes from the camera that was turned by 90°.

    Returns:
        The true digit of each image, by its path in the stage.
    """
    truth = {}
    digits = _digits_in_order()
    for position in positions:
        if position >= len(digits):
            break
        index, label, picture = digits[position]
        path = f"{TURNED_FOLDER}/{index:04d}.png" if is_turned(position) else f"{index:04d}.png"
        _write(picture.rotate(90) if is_turned(position) else picture, new / path)
        truth[path] = label
    return truth


@cache
def _digits_in_order() -> tuple[tuple[int, str, Any], ...]:
    """Return number, digit and picture (PIL) of each, in an order that is random and always the same."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    found = []
    for index in np.random.default_rng(_SEED).permutation(N_DIGITS).tolist():
        levels = np.round(digits.images[index] * (255 / _GREY_LEVELS)).astype(np.uint8)
        picture = Image.fromarray(levels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        found.append((index, str(digits.target[index]), picture))
    return tuple(found)


def _write(picture: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
