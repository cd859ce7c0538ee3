"""From URLs to pixels: fetch and hash a batch of images in threads, decode and measure them in processes."""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from include.errors import FetchError, UnreadableImageError
from include.images.decode import DecodedImage
from include.images.fetch import N_THREADS, FetchedImage, fetch_all
from include.images.isolated import Decoders
from include.images.statistics import ImageStatistics
from include.images.threads import map_unordered

log = logging.getLogger(__name__)


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
    refresh: Callable[[int], str] | None = None,
    n_threads: int = N_THREADS,
    n_decoders: int | None = None,
) -> PreprocessedBatch:
    """Fetch and decode a batch of images. Equal contents are decoded once, each in a process that it alone can end.

    Args:
        urls: Where the images are.
        size: The side of the square that they are resized to, in pixels.
        refresh: Returns a new URL for an index whose URL has expired; see `fetch_all`.
        n_threads: How many images are fetched at once.
        n_decoders: How many are decoded at once; by default as many as this process has cores, and at most 8.

    Raises:
        DecoderError: The decoding processes do not start, or are ended from outside.
    """
    started = time.monotonic()
    n_decoders = n_decoders or min(len(os.sched_getaffinity(0)), N_THREADS)
    with Decoders() as decoders, closing(fetch_all(urls, n_threads=n_threads, refresh=refresh)) as fetched:
        decoder = _Decoder(decoders, size)
        digests = list(map_unordered(decoder, fetched, n_threads=n_decoders, look_ahead=2 * n_decoders))
    batch = _in_order(digests, decoder.outcomes, size=size)
    seconds = time.monotonic() - started
    log.info(
        "preprocessed %d images at %d px in %.1f s (%.0f images/s): %d contents decoded, %d unreadable, %d not fetched",
        len(urls),
        size,
        seconds,
        len(urls) / max(seconds, 1e-9),
        len(batch.pixels),
        len(batch.unreadable),
        len(batch.failed),
    )
    return batch


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


class _Decoder:
    """Hashes contents in several threads and has them decoded, each once, whichever thread comes first with it."""

    def __init__(self, decoders: Decoders, size: int) -> None:
        self._decoders = decoders
        self._size = size
        self._taken: set[str] = set()
        self._lock = Lock()
        self.outcomes: dict[str, DecodedImage | UnreadableImageError] = {}
        """By the SHA-256 of the content; complete when all calls have returned."""

    def __call__(self, fetched: FetchedImage) -> ContentDigest:
        if fetched.content is None:
            return ContentDigest(fetched.index, None, fetched.error)
        digest = _sha256(fetched.content)
        with self._lock:
            is_taken = digest in self._taken
            self._taken.add(digest)
        if not is_taken:
            try:
                self.outcomes[digest] = self._decoders.decode(fetched.content, size=self._size)
            except UnreadableImageError as error:
                # Its traceback and its cause would keep the whole content alive.
                self.outcomes[digest] = UnreadableImageError(*error.args)
        return ContentDigest(fetched.index, digest, None)


def _in_order(
    digests: Sequence[ContentDigest], outcomes: dict[str, DecodedImage | UnreadableImageError], *, size: int
) -> PreprocessedBatch:
    """Put everything into the order of the URLs, whichever thread was first. Takes the pixels out of `outcomes`."""
    rows: dict[str, int] = {}
    images: list[PreprocessedImage] = []
    unreadable: list[UnreadableImage] = []
    failed: list[FetchFailure] = []
    for digest in sorted(digests, key=lambda digest: digest.index):
        outcome = digest.error if digest.sha256 is None else outcomes[digest.sha256]
        if isinstance(outcome, FetchError):
            failed.append(FetchFailure(digest.index, outcome))
        elif isinstance(outcome, UnreadableImageError):
            unreadable.append(UnreadableImage(digest.index, str(outcome), digest.sha256))
        elif digest.sha256 is not None:
            row = rows.setdefault(digest.sha256, len(rows))
            images.append(PreprocessedImage(digest.index, digest.sha256, row))
    pixels = np.empty((len(rows), size, size, 3), dtype=np.uint8)
    statistics: list[ImageStatistics] = []
    for sha256, row in rows.items():
        # Taken out one by one, so that a batch of large images is not held twice.
        decoded = outcomes.pop(sha256)
        if isinstance(decoded, DecodedImage):
            pixels[row] = decoded.pixels
            statistics.append(decoded.statistics)
    return PreprocessedBatch(
        images=tuple(images),
        unreadable=tuple(unreadable),
        failed=tuple(failed),
        pixels=pixels,
        content_digests=tuple(rows),
        statistics=tuple(statistics),
    )
