"""Real pictures that need no download: the 1,797 handwritten digits of scikit-learn, as the files of two stages.

The pictures are the test part of Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (UCI, 1998).
"""

from pathlib import Path
from typing import NamedTuple

N_TRAINING = 1500
N_NEW = 297
SIDE = 32
"""The side of the files in pixels: four times that of the originals, so that one can look at them."""
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
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(_SEED).permutation(len(digits.target))[: n_training + n_new]
    truth = {}
    for position, index in enumerate(order):
        label = str(digits.target[index])
        if position < n_training:
            path = training / label / f"{index:04d}.png"
        else:
            path = new / f"{index:04d}.png"
            truth[path.name] = label
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = np.round(digits.images[index] * (255 / _GREY_LEVELS)).astype(np.uint8)
        Image.fromarray(levels).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path)
    return WrittenDigits(n_training=len(order) - len(truth), truth=truth)
