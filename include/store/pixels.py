"""The pixel store: segments of decoded images, of which only the rows that are asked for are read.

A segment is a safetensors file with one tensor, `pixels`: uint8, [n, size, size, 3], RGB. Rows are read into the batch
and not mapped into memory: pages of mapped files count as memory of the task (docs/adr/014-pixels-are-read.md).
"""

import hashlib
import json
import os
import weakref
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from include.errors import MissingSegmentError, StoreError
from include.store.files import FileStore

MAX_OPEN = 256
"""The most segments that a reader keeps open: a process may have some 1,000 files open, and segments may be many."""

_TENSOR = "pixels"
_LENGTH_BYTES = 8
"""A safetensors file starts with the length of its JSON header, as a little-endian unsigned integer of this size."""


class PixelLocation(NamedTuple):
    """Where the pixels of one image are."""

    segment: str
    """The segment's name in the store."""
    row: int


class ImageSource(Protocol):
    """Decoded images, read by their place."""

    def __len__(self) -> int: ...

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the images at these places, in this order: RGB, [len(indices), size, size, 3]."""
        ...


def write_segment(
    store: FileStore, pixels: NDArray[np.uint8], *, preprocessing_digest: str, content_digests: Sequence[str]
) -> str:
    """Write a segment and return its name, which says what is in it: the same images have the same name.

    A segment that is already there is left alone, unless it is torn.

    Args:
        store: Where it is written.
        pixels: RGB, [n, size, size, 3], at least one image.
        preprocessing_digest: How the pixels were made.
        content_digests: The SHA-256 of each image's file, in the order of the pixels.

    Raises:
        StoreError: It cannot be written.
    """
    if pixels.dtype != np.uint8 or not _is_image_shape(pixels.shape) or len(pixels) != len(content_digests):
        raise ValueError(f"{len(content_digests)} digests do not go with pixels {pixels.dtype} {pixels.shape}")
    identity = "\n".join([preprocessing_digest, *content_digests])
    segment = f"segments/{hashlib.sha256(identity.encode()).hexdigest()}.safetensors"
    if store.exists(segment) and is_whole(store, segment):
        return segment
    metadata = {"preprocessing_digest": preprocessing_digest, "n_images": str(len(pixels))}
    with store.new_file(segment) as path:
        try:
            save_file({_TENSOR: np.ascontiguousarray(pixels)}, path, metadata=metadata)
        except SafetensorError as error:
            raise StoreError(f"{segment} cannot be written in the store {store.url}: {error}") from error
    return segment


def is_whole(store: FileStore, segment: str) -> bool:
    """Whether a segment is there with all its bytes."""
    try:
        _find_segment(store, segment)
    except MissingSegmentError:
        return False
    return True


class _Segment(NamedTuple):
    """Where the pixels of a segment are."""

    name: str
    path: Path
    offset: int
    """Of the first row, in bytes."""
    n_rows: int
    size: int


class _OpenSegment:
    """A segment's file, open for as long as something refers to it, so that a reader in another thread keeps it."""

    def __init__(self, segment: _Segment) -> None:
        self._segment = segment
        try:
            self._descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise MissingSegmentError(segment.name, "missing") from None
        weakref.finalize(self, os.close, self._descriptor)

    def read_rows(self, row: int, target: memoryview) -> None:
        """Read from a row on until the target is full."""
        offset = self._segment.offset + row * _row_bytes(self._segment.size)
        while target:
            n_read = os.preadv(self._descriptor, [target], offset)
            if not n_read:
                raise MissingSegmentError(self._segment.name, "torn (it has become shorter)")
            target, offset = target[n_read:], offset + n_read


class PixelReader:
    """An `ImageSource` over rows of segments, which are not read before they are needed.

    Args:
        store: Where the segments are.
        locations: Where each image is, at least one.

    Raises:
        MissingSegmentError: A segment is missing or torn; it can be made anew from its images.
        StoreError: A row is not in its segment, or the segments hold images of different sizes.
    """

    def __init__(self, store: FileStore, locations: Sequence[PixelLocation]) -> None:
        if not locations:
            raise ValueError("there are no images to read: locations is empty")
        names = sorted({location.segment for location in locations})
        numbers = {name: number for number, name in enumerate(names)}
        self._segments = segments = [_find_segment(store, name) for name in names]
        self._segment_of = np.array([numbers[location.segment] for location in locations], dtype=np.int64)
        self._rows = np.array([location.row for location in locations], dtype=np.int64)
        self._size = segments[0].size
        for number, segment in enumerate(segments):
            self._check(segment, self._rows[self._segment_of == number])
        self._opened = lru_cache(MAX_OPEN)(lambda number: _OpenSegment(segments[number]))

    def _check(self, segment: _Segment, rows: NDArray[np.int64]) -> None:
        if segment.size != self._size:
            raise StoreError(f"segment {segment.name} has images of {segment.size} px, others of {self._size} px")
        if rows.min() < 0 or rows.max() >= segment.n_rows:
            raise StoreError(
                f"segment {segment.name} has {segment.n_rows} images, row {rows.max()} (or {rows.min()}) was wanted"
            )

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def size(self) -> int:
        """The side of the images, in pixels."""
        return self._size

    def locations(self, indices: NDArray[np.int64]) -> tuple[PixelLocation, ...]:
        """Return where the images at these places are, in this order, for another process to read."""
        found = zip(self._segment_of[indices].tolist(), self._rows[indices].tolist(), strict=True)
        return tuple(PixelLocation(self._segments[number].name, row) for number, row in found)

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the images at these places, in this order: RGB, [len(indices), size, size, 3].

        Raises:
            MissingSegmentError: A segment has become shorter since, or has gone.
            StoreError: It cannot be read.
        """
        segment_of = self._segment_of[indices]
        rows = self._rows[indices]
        images = np.empty((len(rows), self._size, self._size, 3), dtype=np.uint8)
        target, row_bytes = images.reshape(-1).data, _row_bytes(self._size)
        for start, end in _runs(segment_of, rows):
            number = int(segment_of[start])
            try:
                self._opened(number).read_rows(int(rows[start]), target[start * row_bytes : end * row_bytes])
            except OSError as error:
                name = self._segments[number].name
                raise StoreError(f"segment {name} cannot be read: {error.strerror or error}") from error
        return images


def _runs(segment_of: NDArray[np.int64], rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return start and end of each run of rows that follow each other in one segment: they are read at once."""
    breaks = np.flatnonzero((np.diff(segment_of) != 0) | (np.diff(rows) != 1)) + 1
    bounds = [0, *breaks.tolist(), len(rows)]
    return list(pairwise(bounds)) if len(rows) else []


class SubsetSource:
    """An `ImageSource` over some of the images of another one: a split of a data set.

    Args:
        source: All images.
        rows: The places of the chosen ones in `source`, [n].
    """

    def __init__(self, source: ImageSource, rows: NDArray[np.int64]) -> None:
        self._source = source
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def locations(self, indices: NDArray[np.int64]) -> tuple[PixelLocation, ...]:
        """Return where the images at these places of the subset are, in this order, for another process to read.

        Raises:
            TypeError: They are not in the pixel store.
        """
        if not isinstance(self._source, PixelReader | SubsetSource):
            raise TypeError(f"images of a {type(self._source).__name__} are not in the pixel store")
        return self._source.locations(self._rows[indices])

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the images at these places of the subset, in this order: RGB, [len(indices), size, size, 3]."""
        return self._source.gather(self._rows[indices])


def _find_segment(store: FileStore, segment: str) -> _Segment:
    """Find a segment's pixels."""
    try:
        path = store.local_path(segment)
    except StoreError:
        if store.exists(segment):
            raise
        raise MissingSegmentError(segment, "missing") from None
    try:
        offset, shape = _find_tensor(path)
    except (ValueError, KeyError, TypeError) as error:
        raise MissingSegmentError(segment, f"torn ({error})") from error
    return _Segment(segment, path, offset, n_rows=shape[0], size=shape[1])


def _find_tensor(path: Path) -> tuple[int, tuple[int, ...]]:
    """Return the offset of the pixels in a segment's file, in bytes, and their shape.

    See "Format" in the documentation of safetensors.

    Raises:
        ValueError, KeyError, TypeError: The file is not a whole segment.
    """
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        header_length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if header_length > n_bytes:
            raise ValueError("its header is cut off")
        tensor = json.loads(file.read(header_length))[_TENSOR]
    shape = tuple(tensor["shape"])
    begin, end = tensor["data_offsets"]
    if tensor["dtype"] != "U8" or not _is_image_shape(shape):
        raise ValueError(f"it holds {tensor['dtype']} {shape} and not U8 images")
    start = _LENGTH_BYTES + header_length
    if end - begin != int(np.prod(shape)) or n_bytes != start + end:
        raise ValueError(f"it has {n_bytes:,} bytes, {start + int(np.prod(shape)):,} are needed")
    return start + begin, shape


def _row_bytes(size: int) -> int:
    return size * size * 3


def _is_image_shape(shape: tuple[int, ...]) -> bool:
    """Whether a shape is [n, size, size, 3] with at least one image."""
    return len(shape) == 4 and shape[0] > 0 and shape[1] == shape[2] > 0 and shape[3] == 3
