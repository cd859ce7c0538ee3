"""Decoded images on their way into segments, which are written while the next images are decoded."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from include.store.files import FileStore
from include.store.pixels import PixelLocation, row_bytes, write_segment

SEGMENT_BYTES = 64 * 2**20
"""The most pixels in a segment. About as many wait in memory, and as many again are being written."""


class SegmentWriter:
    """Writes images into segments, each content once; the same images in the same order make the same segments.

    A context manager: at its end nothing is being written any more.

    Args:
        store: Where the segments are written.
        size: The side of the images, in pixels.
        preprocessing_digest: How the pixels were made.
    """

    def __init__(self, store: FileStore, *, size: int, preprocessing_digest: str) -> None:
        self._store = store
        self._most_rows = max(1, SEGMENT_BYTES // row_bytes(size))
        self._preprocessing_digest = preprocessing_digest
        self._pixels: list[NDArray[np.uint8]] = []
        self._digests: list[str] = []
        self._places: dict[str, tuple[int, int]] = {}
        """By content: the number of its segment, and its row there."""
        self._segments: list[Future[str]] = []
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="segments")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def add(self, pixels: NDArray[np.uint8], content_digests: Sequence[str]) -> None:
        """Add images.

        Args:
            pixels: RGB, [n, size, size, 3]; they must not be changed afterwards.
            content_digests: The SHA-256 of each image's file.

        Raises:
            StoreError: A segment before them could not be written.
        """
        new = [row for row, digest in enumerate(content_digests) if digest not in self._places]
        if len(new) < len(pixels):
            pixels = pixels[new]
        while len(pixels):
            n_fitting = self._most_rows - len(self._digests)
            digests = [content_digests[row] for row in new[:n_fitting]]
            for digest in digests:
                self._places[digest] = (len(self._segments), len(self._digests))
                self._digests.append(digest)
            self._pixels.append(pixels[:n_fitting])
            pixels, new = pixels[n_fitting:], new[n_fitting:]
            if len(self._digests) == self._most_rows:
                self._write()

    def finish(self) -> dict[str, PixelLocation]:
        """Write what waits, and return where each content lies.

        Raises:
            StoreError: A segment could not be written.
        """
        if self._digests:
            self._write()
        segments = [segment.result() for segment in self._segments]
        return {digest: PixelLocation(segments[number], row) for digest, (number, row) in self._places.items()}

    def _write(self) -> None:
        if self._segments:
            self._segments[-1].result()  # no more than one waits to be written
        self._segments.append(self._pool.submit(self._written, self._pixels, self._digests))
        self._pixels, self._digests = [], []

    def _written(self, pixels: list[NDArray[np.uint8]], digests: list[str]) -> str:
        return write_segment(
            self._store, *pixels, preprocessing_digest=self._preprocessing_digest, content_digests=digests
        )
