"""What happens to images in this benchmark: shifts of five kinds at fixed severities, and other mixes of classes.

The severities were chosen by the accuracy that a model trained on other seeds keeps under them, and by nothing else:
of each kind four that cost ten points or more, two that cost fewer than three, and one between. What a run's own model
loses says which of them its rows judge.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from include.images.statistics import measure

SIDE = 96
"""The side of the images, in pixels, that shifts are made for."""

Kind = Literal["none", "blur", "noise", "darkness", "rotation", "jpeg"]
STATISTICS = ("short_side", "long_side", "brightness", "contrast", "sharpness")
"""The columns of what is measured of images."""


class Shift(NamedTuple):
    """One change of all images."""

    kind: Kind
    severity: float = 0.0
    """Of blur its standard deviation in pixels; of noise its standard deviation, with white as 1; of darkness what
    brightness is multiplied by; of rotation degrees; of JPEG its quality."""
    thumbnail: int = SIDE
    """Of JPEG the side, in pixels, of the picture that was compressed, before it was scaled up again."""

    @property
    def name(self) -> str:
        """As tables show it."""
        if self.kind == "none":
            return "none"
        size = f" of {self.thumbnail} px" if self.thumbnail != SIDE else ""
        return f"{self.kind} {self.severity:g}{size}"


CLEAN = Shift("none")

GRID: tuple[Shift, ...] = (
    *(Shift("blur", severity) for severity in (0.5, 1, 2, 3, 4, 5, 6)),
    *(Shift("noise", severity) for severity in (0.02, 0.035, 0.075, 0.1, 0.15, 0.2, 0.3)),
    *(Shift("darkness", severity) for severity in (0.8, 0.7, 0.55, 0.45, 0.35, 0.25, 0.15)),
    *(Shift("rotation", severity) for severity in (2, 3, 8, 12, 15, 20, 30)),
    Shift("jpeg", 50),
    Shift("jpeg", 10),
    Shift("jpeg", 10, 48),
    Shift("jpeg", 1, 64),
    Shift("jpeg", 1, 48),
    Shift("jpeg", 5, 32),
    Shift("jpeg", 1, 32),
)
"""All severities, fixed beforehand."""

IMAGE_QUALITY: frozenset[Kind] = frozenset({"blur", "noise", "darkness", "jpeg"})
"""Where to stop is as right as to ask for retraining or labels: it is the camera that has to be looked at."""

MIXES: Mapping[str, Mapping[str, float]] = {
    "shoes and trousers": {"pants": 4, "shoes": 4, "shorts": 3},
    "few T-shirts": {"t-shirt": 0.2},
    "summer": {"t-shirt": 2, "shorts": 3, "longsleeve": 0.3, "outwear": 0.1},
    "winter": {"longsleeve": 2, "outwear": 3, "t-shirt": 0.3, "shorts": 0.1, "hat": 2},
    "half of the classes": {"dress": 0, "hat": 0, "outwear": 0, "shirt": 0, "skirt": 0},
}
"""What the share of a class is multiplied by; a class that is not named keeps its own."""


def shift_all(
    pixels: NDArray[np.uint8], shifts: Sequence[Shift], *, keys: NDArray[np.int64] | None = None
) -> NDArray[np.uint8]:
    """Return images with these shifts, one after the other.

    Args:
        pixels: RGB, [n, SIDE, SIDE, 3].
        shifts: What happens to each image.
        keys: A number of each image that its noise is drawn by, [n]; by default its place.
    """
    numbers = np.arange(len(pixels)) if keys is None else keys
    shifted = pixels
    for shift in shifts:
        if shift.kind != "none":
            pairs = zip(shifted, numbers.tolist(), strict=True)
            shifted = np.stack([_shift(image, shift, key=key) for image, key in pairs])
    return shifted


def statistics_of(pixels: NDArray[np.uint8], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Measure images as the product does.

    Args:
        pixels: RGB, [n, side, side, 3].
        sizes: The width and the height of each image before it was resized, [n, 2].

    Returns:
        [n, 5], the columns as in `STATISTICS`.
    """
    found = []
    for image, (width, height) in zip(pixels, sizes.tolist(), strict=True):
        one = measure(image, width=width, height=height)
        found.append((min(width, height), max(width, height), one.brightness, one.contrast, one.sharpness))
    return np.array(found, dtype=np.float64)


def _shift(image: NDArray[np.uint8], shift: Shift, *, key: int) -> NDArray[np.uint8]:
    if shift.kind == "noise":
        noise = np.random.default_rng((key, round(1000 * shift.severity))).normal(0, shift.severity, image.shape)
        return np.asarray(np.clip(image / 255 + noise, 0, 1) * 255, dtype=np.uint8)
    if shift.kind == "darkness":
        return np.asarray(image * shift.severity, dtype=np.uint8)
    return np.asarray(_shift_picture(Image.fromarray(image), shift))


def _shift_picture(picture: Image.Image, shift: Shift) -> Image.Image:
    if shift.kind == "blur":
        return picture.filter(ImageFilter.GaussianBlur(shift.severity))
    if shift.kind == "rotation":
        return picture.rotate(shift.severity, Image.Resampling.BILINEAR)
    if shift.kind == "jpeg":
        return _compressed(picture, quality=round(shift.severity), thumbnail=shift.thumbnail)
    raise ValueError(f"no image can be shifted by {shift.kind}")


def _compressed(picture: Image.Image, *, quality: int, thumbnail: int) -> Image.Image:
    file = io.BytesIO()
    _scaled(picture, thumbnail).save(file, "JPEG", quality=quality)
    with Image.open(file) as decoded:
        return _scaled(decoded.convert("RGB"), picture.width)


def _scaled(picture: Image.Image, side: int) -> Image.Image:
    return picture if picture.width == side else picture.resize((side, side), Image.Resampling.BILINEAR)
