"""Photos for benchmarks: those of a folder, or generated JPEGs as large as photos that people take to be small."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

N_CLASSES = 10
GENERATED_SIZE = (400, 533)
"""Width and height, in pixels: those of the garments, of which most have some 50 KB."""
LABEL_IN_STAGE = "^[^/]+/(?P<label>[^/]+)/"
"""Where the label stands in a path that `stage_photos` has made."""
_QUALITY = 90
_ENDINGS = {".jpg", ".jpeg"}


class Photo(NamedTuple):
    """A labelled JPEG file."""

    path: Path
    label: str


def read_photos(folder: Path) -> list[Photo]:
    """Return the JPEG files below a folder, each with the name of the folder that it lies in as its label, sorted.

    Raises:
        ValueError: There are none, or all are of one class.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    photos = [Photo(path, path.parent.name) for path in found]
    if len({photo.label for photo in photos}) < 2:
        raise ValueError(f"{folder} holds {len(photos)} JPEG files of fewer than two classes: <class>/*.jpg is needed")
    return photos


def generate_photos(folder: Path, *, n_photos: int, seed: int = 0) -> list[Photo]:
    """Write JPEG files, as many of each of ten classes, and return them.

    Each shows a few waves, whose common direction is its class, under noise: they compress as photos do.
    """
    rng = np.random.default_rng(seed)
    photos = []
    for number in range(n_photos):
        label = number % N_CLASSES
        path = folder / f"class_{label}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_picture(label, rng)).save(path, "JPEG", quality=_QUALITY)
        photos.append(Photo(path, f"class_{label}"))
    return sorted(photos)


def spread(photos: Sequence[Photo], n_photos: int) -> list[Photo]:
    """Return some of the photos, from all classes alike, or all of them if there are not so many."""
    n_picked = min(n_photos, len(photos))
    return [photos[place * len(photos) // n_picked] for place in range(n_picked)]


def stage_photos(photos: Sequence[Photo], folder: Path, *, n_photos: int) -> None:
    """Write so many files into a stage's folder: the photos, over and over, no two of the same content.

    A comment of its own makes a copy another file; it is fetched, hashed and decoded as any other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in zip(range(n_photos), _contents(photos), strict=False):
        place, round_ = number % len(photos), number // len(photos)
        path = folder / f"{round_:02d}" / photos[place].label / f"{place:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _contents(photos: Sequence[Photo]) -> Iterator[bytes]:
    for round_ in count():
        comment = f"copy {round_}".encode()
        segment = b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment
        for photo in photos:
            content = photo.path.read_bytes()
            yield content[:2] + segment + content[2:] if round_ else content


def _picture(label: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return RGB, [height, width, 3]."""
    width, height = GENERATED_SIZE
    y, x = (np.mgrid[0:height, 0:width] / height).astype(np.float32)
    levels = np.full((height, width, 3), 0.5, dtype=np.float32)
    for _ in range(3):
        angle = np.pi * (label + rng.normal(0, 0.15)) / N_CLASSES
        wave = np.sin(rng.uniform(10, 60) * (np.cos(angle) * x + np.sin(angle) * y) + rng.uniform(0, 6))
        levels += wave[..., np.newaxis] * rng.uniform(-0.15, 0.15, size=3).astype(np.float32)
    levels += rng.normal(0, 0.03, (height, width, 1)).astype(np.float32)
    return (255 * np.clip(levels, 0, 1)).astype(np.uint8)
