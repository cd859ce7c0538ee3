"""What is found in the images that are decoded, as the warehouse is to know it."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.catalog.forgotten import Forgotten
from include.catalog.keys import ImageKey
from include.errors import VanishedFileError
from include.images.preprocess import FetchFailure, PreprocessedBatch, PreprocessedImage
from include.images.statistics import ImageStatistics
from include.store.pixels import PixelLocation

log = logging.getLogger(__name__)

_N_NAMED = 5
"""How many of the failed images are named in the log."""


class MissingImage(NamedTuple):
    """An image that has to be decoded."""

    stage: str
    relative_path: str
    etag: str
    url: str

    @property
    def key(self) -> ImageKey:
        """Which image it is."""
        return ImageKey(self.stage, self.relative_path, self.etag)


class ImageLook(NamedTuple):
    """What an image looks like, as `include.images.statistics` has measured it; a turned camera changes nothing."""

    short_side: float
    """Of the original, in pixels."""
    long_side: float
    """Of the original, in pixels."""
    brightness: float
    contrast: float
    sharpness: float


class DecodedImages(NamedTuple):
    """Images that have just been decoded."""

    keys: tuple[ImageKey, ...]
    pixels: NDArray[np.uint8]
    """RGB, [n, size, size, 3], of each."""
    looks: tuple[ImageLook, ...]
    contents: tuple[str, ...]
    """The SHA-256 of each image's file."""

    def part(self, places: slice) -> "DecodedImages":
        """Return some of them."""
        return DecodedImages(self.keys[places], self.pixels[places], self.looks[places], self.contents[places])


class _Readable(NamedTuple):
    key: ImageKey
    content_sha256: str
    statistics: ImageStatistics


class Findings:
    """What is found in images, batch by batch.

    Args:
        images: What is decoded.
        forgotten: What was erased on request: of such images only the digest is kept, so that the catalog knows them.
    """

    def __init__(self, images: Sequence[MissingImage], forgotten: Forgotten) -> None:
        self._images = images
        self._forgotten = forgotten
        self._readable: list[_Readable] = []
        self._erased: list[tuple[ImageKey, str]] = []
        self._unreadable: list[tuple[ImageKey, str | None, str]] = []
        self._failures: list[FetchFailure] = []

    @property
    def n_unreadable(self) -> int:
        """How many images are to be quarantined."""
        return len(self._unreadable)

    @property
    def failures(self) -> Sequence[FetchFailure]:
        """The images that could not be read this time."""
        return self._failures

    @property
    def vanished(self) -> list[str]:
        """The paths of images whose files are no longer there."""
        gone = (failure.index for failure in self._failures if isinstance(failure.error, VanishedFileError))
        return [self._images[index].relative_path for index in gone]

    @property
    def contents(self) -> Iterator[tuple[ImageKey, str]]:
        """The images that have pixels, each with its content."""
        return ((image.key, image.content_sha256) for image in self._readable)

    def add(self, batch: PreprocessedBatch) -> tuple[PreprocessedImage, ...]:
        """Note what was found in a batch, and return those of its images that are used."""
        self._failures += batch.failed
        self._unreadable += [(self._images[bad.index].key, bad.content_sha256, bad.reason) for bad in batch.unreadable]
        used = []
        for image in batch.images:
            key = self._images[image.index].key
            if self._forgotten.covers(key, image.content_sha256):
                self._erased.append((key, image.content_sha256))
            else:
                self._readable.append(_Readable(key, image.content_sha256, batch.statistics[image.row]))
                used.append(image)
        return tuple(used)

    def decoded(self, batch: PreprocessedBatch, used: Sequence[PreprocessedImage]) -> DecodedImages:
        """Return the images of a batch that are used."""
        rows = [image.row for image in used]
        pixels = batch.pixels if rows == list(range(len(batch.pixels))) else batch.pixels[rows]
        keys = tuple(self._images[image.index].key for image in used)
        looks = tuple(look_of(batch.statistics[row]) for row in rows)
        return DecodedImages(keys, pixels, looks, tuple(image.content_sha256 for image in used))

    def rows(self, locations: Mapping[str, PixelLocation]) -> list[tuple[object, ...]]:
        """Return the rows of `LOADED_PIXELS`.

        Args:
            locations: Where the pixels of each content lie.
        """
        rows: list[tuple[object, ...]] = [(*key, content, *(None,) * 8) for key, content in self._erased]
        for key, content, s in self._readable:
            statistics = (s.width, s.height, s.brightness, s.contrast, s.sharpness)
            rows.append((*key, content, *locations[content], *statistics, None))
        return rows + [(*key, content, *(None,) * 7, reason) for key, content, reason in self._unreadable]

    def tell(self) -> None:
        """Name some of the images that could not be used."""
        for key, _, reason in self._unreadable[:_N_NAMED]:
            log.warning("quarantined %r: %s", key.relative_path, reason)
        for failure in self._failures[:_N_NAMED]:
            log.warning("not fetched %r: %s", self._images[failure.index].relative_path, failure.error)


def look_of(statistics: ImageStatistics) -> ImageLook:
    """Return what an image looks like, as its answers tell it."""
    sides = sorted((float(statistics.width), float(statistics.height)))
    return ImageLook(sides[0], sides[1], statistics.brightness, statistics.contrast, statistics.sharpness)


def in_chunks(decoded: Iterable[DecodedImages], n_images: int) -> Iterator[DecodedImages]:
    """Yield the same images, so many at a time; the last ones may be fewer."""
    held: list[DecodedImages] = []
    for images in decoded:
        held.append(images)
        while sum(len(some.keys) for some in held) >= n_images:
            together = _together(held)
            yield together.part(slice(0, n_images))
            rest = together.part(slice(n_images, None))
            held = [rest] if rest.keys else []
    if held:
        yield _together(held)


def _together(images: Sequence[DecodedImages]) -> DecodedImages:
    if len(images) == 1:
        return images[0]
    return DecodedImages(
        tuple(key for some in images for key in some.keys),
        np.concatenate([some.pixels for some in images]),
        tuple(look for some in images for look in some.looks),
        tuple(content for some in images for content in some.contents),
    )
