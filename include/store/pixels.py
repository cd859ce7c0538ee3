"""The pixel store: segments of decoded images, of which only the rows that are asked for are read.

A segment is a safetensors file with one tensor, `pixels`: uint8, [n, size, size, 3], RGB (see `tensor_rows`).
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from include.errors import MissingSegmentError
from include.store.files import FileStore
from include.store.tensor_rows import RowKind, RowLocation, RowReader, find_rows, read_row, write_rows_file

SEGMENTS = "segments"
"""The folder of the segments."""

PixelLocation = RowLocation
"""Where the pixels of one image are."""


class ImageSource(Protocol):
    """Decoded images, read by their place."""

    def __len__(self) -> int: ...

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the images at these places, in this order: RGB, [len(indices), size, size, 3]."""
        ...


def _is_image_shape(shape: tuple[int, ...]) -> bool:
    """Whether a shape is [n, size, size, 3] with at least one image."""
    return len(shape) == 4 and shape[0] > 0 and shape[1] == shape[2] > 0 and shape[3] == 3


_PIXELS = RowKind(
    folder=SEGMENTS,
    tensor="pixels",
    dtype="U8",
    rows="images",
    allows=_is_image_shape,
    describe=lambda shape: f"{shape[0]} px",
)


def write_segment(
    store: FileStore,
    *pixels: NDArray[np.uint8],
    preprocessing_digest: str,
    content_digests: Sequence[str],
) -> str:
    """Write a segment and return its name, which says what is in it: the same images have the same name.

    A segment that is already there is left alone, unless it is torn.

    Args:
        store: Where it is written.
        *pixels: RGB, [n, size, size, 3] each, at least one image together. They are written as they lie: together they
            may be a good part of the memory of a task.
        preprocessing_digest: How the pixels were made.
        content_digests: The SHA-256 of each image's file, in the order of the pixels.

    Raises:
        StoreError: It cannot be written.
    """
    n_images = sum(map(len, pixels))
    shapes = {(n_images, *array.shape[1:]) for array in pixels if array.dtype == np.uint8}
    if len(shapes) != 1 or not all(map(_is_image_shape, shapes)) or n_images != len(content_digests):
        kinds = ", ".join(f"{array.dtype} {array.shape}" for array in pixels)
        raise ValueError(f"{len(content_digests)} digests do not go with pixels {kinds}")
    segment = _PIXELS.name([preprocessing_digest, *content_digests])
    if store.exists(segment) and is_whole(store, segment):
        return segment
    metadata = {"preprocessing_digest": preprocessing_digest, "n_images": str(n_images)}
    write_rows_file(store, _PIXELS, segment, *pixels, metadata=metadata)
    return segment


def is_whole(store: FileStore, segment: str) -> bool:
    """Whether a segment is there with all its bytes."""
    try:
        find_rows(store, _PIXELS, segment)
    except MissingSegmentError:
        return False
    return True


def read_image(store: FileStore, location: PixelLocation) -> NDArray[np.uint8]:
    """Return one image, [size, size, 3], for who wants no other of its segment.

    Raises:
        MissingSegmentError: The segment is missing or torn.
        StoreError: It cannot be read.
    """
    pixels: NDArray[np.uint8] = read_row(store, _PIXELS, location)
    return pixels


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
        self._reader = RowReader(store, _PIXELS, locations)

    def __len__(self) -> int:
        return len(self._reader)

    @property
    def size(self) -> int:
        """The side of the images, in pixels."""
        return self._reader.row_shape[0]

    def locations(self, indices: NDArray[np.int64]) -> tuple[PixelLocation, ...]:
        """Return where the images at these places are, in this order, for another process to read."""
        return self._reader.locations(indices)

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the images at these places, in this order: RGB, [len(indices), size, size, 3].

        Raises:
            MissingSegmentError: A segment has become shorter since, or has gone.
            StoreError: It cannot be read.
        """
        images: NDArray[np.uint8] = self._reader.gather(indices)
        return images


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


def row_bytes(size: int) -> int:
    """Return the bytes of one image."""
    return size * size * 3
