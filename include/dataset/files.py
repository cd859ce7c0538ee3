"""A data set of files that no pipeline knows yet: each is read once, decoded, and looked at."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.catalog.split import SplitImage, assign_splits
from include.dataset.fingerprints import FingerprintMaker
from include.dataset.images import NEW, DatasetImage, LookedAt
from include.images.preprocess import PreprocessedBatch, preprocess, preprocessed

log = logging.getLogger(__name__)

SIZE = 96
"""The side of the squares that images are looked at in, in pixels."""
_GREY = 230
"""What is shown of an image that can no longer be read."""


class ImageFile(NamedTuple):
    """A file that is to be looked at."""

    path: str
    """Below its stage."""
    label: str | None
    """None: it is a new image."""
    url: str


def look_at_files(
    files: Sequence[ImageFile],
    *,
    refresh: Callable[[int], str] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> LookedAt:
    """Read and decode files, in parallel, and tell on which side of a split the labelled ones would be.

    Args:
        files: The files.
        refresh: Returns a new URL for the place of a file whose URL has expired.
        progress: Called with how many files have been looked at.

    Raises:
        DecoderError: The decoding processes do not start.
    """
    started = time.monotonic()
    found: list[DatasetImage] = []
    maker = FingerprintMaker()
    with closing(preprocessed([file.url for file in files], size=SIZE, refresh=refresh)) as batches:
        for batch in batches:
            found += _described(files, batch)
            maker.add([image.index for image in batch.images], batch.pixels[[image.row for image in batch.images]])
            progress(len(found))
    log.info("looked at %d files in %.1f s", len(files), time.monotonic() - started)
    return LookedAt(images=_with_sides(found), fingerprints=maker.done(), pictures=_FilePictures(files, refresh))


def _described(files: Sequence[ImageFile], batch: PreprocessedBatch) -> list[DatasetImage]:
    """Return what came of a batch, in the order of the files."""
    outcomes: dict[int, tuple[str | None, int | None, str | None]] = {
        image.index: (image.content_sha256, image.row, None) for image in batch.images
    }
    outcomes |= {bad.index: (bad.content_sha256, None, bad.reason) for bad in batch.unreadable}
    outcomes |= {failure.index: (None, None, f"could not be read: {failure.error}") for failure in batch.failed}
    return [
        DatasetImage(
            path=files[index].path,
            label=files[index].label,
            side=NEW,
            content_sha256=content,
            statistics=None if row is None else batch.statistics[row],
            reason=reason,
        )
        for index, (content, row, reason) in sorted(outcomes.items())
    ]


def _with_sides(images: Sequence[DatasetImage]) -> list[DatasetImage]:
    """Return the images with the sides that a first snapshot of them would have."""
    labelled = [
        SplitImage(image.content_sha256, image.label, image.path)
        for image in images
        if image.label is not None and image.content_sha256 is not None
    ]
    side_of = assign_splits(labelled, {})
    return [
        image if image.label is None else image._replace(side=str(side_of.get(image.content_sha256 or "", "train")))
        for image in images
    ]


class _FilePictures:
    """Shows files, which are read once more: all of them would not fit into memory.

    Args:
        files: The files.
        refresh: Returns a new URL for the place of a file whose URL has expired.
    """

    def __init__(self, files: Sequence[ImageFile], refresh: Callable[[int], str] | None) -> None:
        self._files = files
        self._refresh = refresh

    def gather(self, places: Sequence[int]) -> NDArray[np.uint8]:
        """Return the pixels of the files at these places: RGB, [len(places), SIZE, SIZE, 3]."""
        refresh = self._refresh
        again = None if refresh is None else lambda index: refresh(places[index])
        batch = preprocess([self._files[place].url for place in places], size=SIZE, refresh=again)
        pixels = np.full((len(places), SIZE, SIZE, 3), _GREY, dtype=np.uint8)
        for image in batch.images:
            pixels[image.index] = batch.pixels[image.row]
        return pixels
