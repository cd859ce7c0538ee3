"""Pictures whose outlines differ, as files and as data sets that were looked at."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from include.dataset.fingerprints import FingerprintMaker
from include.dataset.images import DatasetImage, LookedAt
from include.images.statistics import measure

SIDE = 96


def drawn(seed: int, *, side: int = SIDE) -> Image.Image:
    """Return a picture of coloured areas with some grain, another one for each seed."""
    random = np.random.default_rng(seed)
    areas = Image.fromarray(random.integers(30, 225, (6, 6, 3), dtype=np.uint8))
    grain = random.integers(-12, 12, (side, side, 1))
    smooth = np.asarray(areas.resize((side, side), Image.Resampling.BICUBIC)).astype(int)
    return Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8))


def put_drawn(path: Path, seed: int, *, side: int = 120) -> Path:
    """Write a picture into a file, in the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn(seed, side=side).save(path)
    return path


class Given:
    """A data set that was looked at, built image by image."""

    def __init__(self) -> None:
        self.images: list[DatasetImage] = []
        self.pixels: list[NDArray[np.uint8]] = []

    def add(
        self, picture: Image.Image, *, label: str | None = "a", side: str = "train", path: str | None = None
    ) -> "Given":
        """Add a readable image."""
        pixels = np.asarray(picture.convert("RGB").resize((SIDE, SIDE)))
        content = hashlib.sha256(pixels.tobytes()).hexdigest()
        path = path or f"{label}/{len(self.images):04}.jpg"
        statistics = measure(pixels, width=400, height=300)
        self.images.append(DatasetImage(path, label, side, content, statistics))
        self.pixels.append(pixels)
        return self

    def add_unreadable(self, reason: str, *, label: str | None = "a", path: str = "broken.jpg") -> "Given":
        """Add a file that cannot be decoded."""
        self.images.append(DatasetImage(path, label, "train", None, None, reason))
        self.pixels.append(np.zeros((SIDE, SIDE, 3), dtype=np.uint8))
        return self

    def gather(self, places: Sequence[int]) -> NDArray[np.uint8]:
        """Return the pixels of some images."""
        return np.stack([self.pixels[place] for place in places])

    def looked_at(self) -> LookedAt:
        """Return the data set."""
        maker = FingerprintMaker()
        by_content = {image.content_sha256: place for place, image in enumerate(self.images) if image.statistics}
        readable = sorted(by_content.values())
        if readable:
            maker.add(readable, self.gather(readable))
        return LookedAt(images=self.images, fingerprints=maker.done(), pictures=self)
