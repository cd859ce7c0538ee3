"""From URLs to pixels: fetch and hash images in threads, decode and measure them in processes, in one stream."""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from include.errors import FetchError, UnreadableImageError
from include.images.decoder_process import row_bytes
from include.images.fetch import N_THREADS, FetchedImage, Fetcher, fetch_all, fetch_one
from include.images.isolated import Decoders, Outcome
from include.images.statistics import ImageStatistics
from include.images.threads import map_ordered

log = logging.getLogger(__name__)

LOOK_AHEAD_BYTES = 64 * 2**20
"""About how many pixels are decoded, or being decoded, and not yet used."""
_LOOK_AHEAD = 64
"""The most portions that are."""
_PORTION_IMAGES = 16
"""The most images that a process is given at once: enough for what that costs to be little of what decoding costs."""
_PORTION_BYTES = 4 * 2**20
"""About how many bytes of files, and of pixels, it is given at once."""


@dataclass(frozen=True)
class PreprocessedImage:
    """An image that was decoded."""

    index: int
    """The place of its URL."""
    content_sha256: str
    row: int
    """The place of its pixels; images with equal content share one."""


@dataclass(frozen=True)
class UnreadableImage:
    """An image that belongs into QUARANTINE."""

    index: int
    """The place of its URL."""
    reason: str
    content_sha256: str | None
    """None if the file was too large to be read."""


@dataclass(frozen=True)
class FetchFailure:
    """An image that could not be read this time."""

    index: int
    """The place of its URL."""
    error: FetchError


@dataclass(frozen=True)
class ContentDigest:
    """The SHA-256 of a file, or why there is none."""

    index: int
    """The place of its URL."""
    sha256: str | None
    error: FetchError | UnreadableImageError | None


@dataclass(frozen=True)
class PreprocessedBatch:
    """What came of a batch of URLs; each index is in exactly one of `images`, `unreadable` and `failed`, in order."""

    images: tuple[PreprocessedImage, ...]
    unreadable: tuple[UnreadableImage, ...]
    failed: tuple[FetchFailure, ...]
    pixels: NDArray[np.uint8]
    """RGB, [n_contents, size, size, 3]: one row for each different content, in the order of first appearance."""
    content_digests: tuple[str, ...]
    """The SHA-256 of each row's content."""
    statistics: tuple[ImageStatistics, ...]
    """Of each row."""


def preprocess(
    urls: Sequence[str],
    *,
    size: int,
    jpeg_detail: int = 2,
    refresh: Callable[[int], str] | None = None,
    n_threads: int = N_THREADS,
    n_decoders: int | None = None,
) -> PreprocessedBatch:
    """Fetch and decode a batch of images that fits into memory; the arguments are those of `preprocessed`.

    Raises:
        DecoderError: As there.
    """
    with closing(
        preprocessed(
            urls, size=size, jpeg_detail=jpeg_detail, refresh=refresh, n_threads=n_threads, n_decoders=n_decoders
        )
    ) as portions:
        return joined(list(portions), size=size)


def preprocessed(
    urls: Sequence[str],
    *,
    size: int,
    jpeg_detail: int = 2,
    refresh: Callable[[int], str] | None = None,
    n_threads: int = N_THREADS,
    n_decoders: int | None = None,
) -> Generator[PreprocessedBatch]:
    """Fetch and decode images, a few at a time, each in a process that it alone can end.

    The portions come in the order of the URLs, and are the same ones every time. While one is waited for, or used,
    those behind it are worked on, up to about `LOOK_AHEAD_BYTES` of pixels.

    Args:
        urls: Where the images are.
        size: The side of the square that they are resized to, in pixels.
        jpeg_detail: See `include.images.decode.decode`.
        refresh: Returns a new URL for an index whose URL has expired; see `fetch_all`.
        n_threads: How many images are fetched at once.
        n_decoders: How many are decoded at once; by default as many as this process has cores, and at most 8.

    Raises:
        DecoderError: The decoding processes do not start, or fail in a way that no file explains.
    """
    with Preprocessor(n_threads=n_threads, n_decoders=n_decoders) as preprocessor:
        yield from preprocessor.preprocessed(urls, size=size, jpeg_detail=jpeg_detail, refresh=refresh)


class Preprocessor:
    """Fetches and decodes several batches of images, with the same connections and processes. A context manager.

    Args:
        n_threads: How many images are fetched at once.
        n_decoders: How many are decoded at once; by default as many as this process has cores, and at most 8.
    """

    def __init__(self, *, n_threads: int = N_THREADS, n_decoders: int | None = None) -> None:
        n_decoders = n_decoders or min(len(os.sched_getaffinity(0)), N_THREADS)
        # Some fetch while as many as there are decoders wait for these.
        self._n_workers = n_threads + n_decoders
        self._n_decoders = n_decoders
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._decoders = self._stack.enter_context(Decoders(n_processes=self._n_decoders))
        self._fetcher = self._stack.enter_context(Fetcher(n_connections=self._n_workers))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start the processes that decode, in the background: those who come with images then find them ready."""
        self._decoders.start()

    def preprocessed(
        self, urls: Sequence[str], *, size: int, jpeg_detail: int, refresh: Callable[[int], str] | None
    ) -> Generator[PreprocessedBatch]:
        """Fetch and decode images, see the function of this name."""
        started = time.monotonic()
        n_portion = max(1, min(_PORTION_IMAGES, _PORTION_BYTES // row_bytes(size)))
        look_ahead = max(self._n_workers, min(_LOOK_AHEAD, LOOK_AHEAD_BYTES // (n_portion * row_bytes(size))))
        portions = [range(start, min(start + n_portion, len(urls))) for start in range(0, len(urls), n_portion)]
        n_contents = n_unreadable = n_failed = 0
        prepare = _Portions(self._fetcher, self._decoders, urls, size=size, jpeg_detail=jpeg_detail, refresh=refresh)
        with closing(map_ordered(prepare, portions, n_threads=self._n_workers, look_ahead=look_ahead)) as batches:
            for batch in batches:
                n_contents += len(batch.pixels)
                n_unreadable += len(batch.unreadable)
                n_failed += len(batch.failed)
                yield batch
        seconds = time.monotonic() - started
        log.info(
            "preprocessed %d images at %d px in %.1f s (%.0f images/s): %d contents decoded, %d unreadable, "
            "%d not fetched",
            len(urls),
            size,
            seconds,
            len(urls) / max(seconds, 1e-9),
            n_contents,
            n_unreadable,
            n_failed,
        )


def joined(batches: Sequence[PreprocessedBatch], *, size: int) -> PreprocessedBatch:
    """Put portions together; of contents that are in several, the first pixels are kept.

    Args:
        batches: Portions, in the order in which they came.
        size: The side of the images, in pixels.
    """
    places: dict[str, int] = {}
    kept: list[tuple[NDArray[np.uint8], list[ImageStatistics]]] = []
    for batch in batches:
        new = [row for row, digest in enumerate(batch.content_digests) if digest not in places]
        places |= {batch.content_digests[row]: len(places) + number for number, row in enumerate(new)}
        pixels = batch.pixels if len(new) == len(batch.pixels) else batch.pixels[new]
        kept.append((pixels, [batch.statistics[row] for row in new]))
    empty = np.empty((0, size, size, 3), dtype=np.uint8)
    return PreprocessedBatch(
        images=tuple(replace(image, row=places[image.content_sha256]) for batch in batches for image in batch.images),
        unreadable=tuple(bad for batch in batches for bad in batch.unreadable),
        failed=tuple(failure for batch in batches for failure in batch.failed),
        pixels=np.concatenate([empty, *(pixels for pixels, _ in kept)]),
        content_digests=tuple(places),
        statistics=tuple(statistics for _, of_batch in kept for statistics in of_batch),
    )


def read_digests(
    urls: Sequence[str], *, refresh: Callable[[int], str] | None = None, n_threads: int = N_THREADS
) -> list[ContentDigest]:
    """Fetch files and hash them, without decoding; the result is in the order of the URLs."""
    started = time.monotonic()
    digests = [
        ContentDigest(
            fetched.index,
            None if fetched.content is None else hashlib.sha256(fetched.content).hexdigest(),
            fetched.error,
        )
        for fetched in fetch_all(urls, n_threads=n_threads, refresh=refresh)
    ]
    seconds = time.monotonic() - started
    log.info("hashed %d files in %.1f s (%.0f files/s)", len(urls), seconds, len(urls) / max(seconds, 1e-9))
    return sorted(digests, key=lambda digest: digest.index)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Portions:
    """Makes portions of images, in several threads.

    Args:
        fetcher: Reads the files.
        decoders: Decode them.
        urls: Where the images are.
        size: The side of the square that they are resized to, in pixels.
        jpeg_detail: See `include.images.decode.decode`.
        refresh: Returns a new URL for an index whose URL has expired.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        decoders: Decoders,
        urls: Sequence[str],
        *,
        size: int,
        jpeg_detail: int,
        refresh: Callable[[int], str] | None,
    ) -> None:
        self._fetcher = fetcher
        self._decoders = decoders
        self._urls = urls
        self._size = size
        self._jpeg_detail = jpeg_detail
        self._refresh = refresh
        self._unreadable: dict[str, UnreadableImageError] = {}
        """By the SHA-256 of the content: copies of a file that takes its time to crash the decoder are not tried."""

    def __call__(self, indices: Iterable[int]) -> PreprocessedBatch:
        """Fetch and decode images."""
        fetched = (fetch_one(self._fetcher, index, self._urls, refresh=self._refresh) for index in indices)
        batches = [self._decoded(images) for images in _bounded(fetched)]
        return batches[0] if len(batches) == 1 else joined(batches, size=self._size)

    def _decoded(self, fetched: Sequence[FetchedImage]) -> PreprocessedBatch:
        digests = [None if image.content is None else _sha256(image.content) for image in fetched]
        contents = {
            digest: image.content
            for digest, image in zip(digests, fetched, strict=True)
            if digest is not None and image.content is not None and digest not in self._unreadable
        }
        decoded = self._decoders.decode_all(list(contents.values()), size=self._size, jpeg_detail=self._jpeg_detail)
        outcomes: dict[str, Outcome] = dict(zip(contents, decoded.outcomes, strict=True))
        for digest, outcome in outcomes.items():
            if isinstance(outcome, UnreadableImageError):
                self._unreadable[digest] = outcome
        return _in_order(fetched, digests, {**self._unreadable, **outcomes}, list(contents), decoded.pixels)


def _bounded(fetched: Iterable[FetchedImage]) -> Iterator[list[FetchedImage]]:
    """Hand out images so that few of them are held if they are large."""
    held: list[FetchedImage] = []
    n_bytes = 0
    for image in fetched:
        held.append(image)
        n_bytes += len(image.content or b"")
        if n_bytes > _PORTION_BYTES:
            yield held
            held, n_bytes = [], 0
    if held:
        yield held


def _in_order(
    fetched: Sequence[FetchedImage],
    digests: Sequence[str | None],
    outcomes: Mapping[str, Outcome],
    contents: Sequence[str],
    pixels: NDArray[np.uint8],
) -> PreprocessedBatch:
    """Say of each image what came of it.

    Args:
        fetched: The images.
        digests: The SHA-256 of the content of each.
        outcomes: Of each content.
        contents: Those that `pixels` has rows for.
        pixels: [len(contents), size, size, 3]; of one that was not decoded, anything.
    """
    decoded = [row for row, content in enumerate(contents) if isinstance(outcomes[content], ImageStatistics)]
    rows = {contents[row]: place for place, row in enumerate(decoded)}
    images: list[PreprocessedImage] = []
    unreadable: list[UnreadableImage] = []
    failed: list[FetchFailure] = []
    for image, digest in zip(fetched, digests, strict=True):
        outcome = image.error if digest is None else outcomes[digest]
        if isinstance(outcome, FetchError):
            failed.append(FetchFailure(image.index, outcome))
        elif isinstance(outcome, UnreadableImageError):
            unreadable.append(UnreadableImage(image.index, str(outcome), digest))
        elif digest is not None:
            images.append(PreprocessedImage(image.index, digest, rows[digest]))
    return PreprocessedBatch(
        images=tuple(images),
        unreadable=tuple(unreadable),
        failed=tuple(failed),
        pixels=pixels if len(decoded) == len(contents) else pixels[decoded],
        content_digests=tuple(rows),
        statistics=tuple(outcome for digest in rows if isinstance(outcome := outcomes[digest], ImageStatistics)),
    )
