"""Read staged files by their URLs: signed http(s) URLs, file:// URLs, and whatever else fsspec knows.

fsspec's own http file system needs aiohttp and gives no status codes, so http(s) goes through httpx, which keeps
connections alive. The query string of a signed URL is a secret: it is in no message and in no log.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

import fsspec
import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from include.errors import ExpiredUrlError, FetchError, UnreadableImageError, VanishedFileError
from include.images.limits import MAX_BYTES
from include.images.threads import map_unordered

N_THREADS = 8
"""Fetches at once: they wait for the network, not for a core."""

_N_ATTEMPTS = 4
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_DEADLINE_S = 120.0
"""A server that sends a few bytes now and then meets every time-out; this is the end of its patience."""

# An expired signature is 403 on S3, Azure and the embedded warehouse, 400 on GCS and for an expired S3 session token.
_EXPIRED = frozenset({400, 401, 403})
_VANISHED = frozenset({404, 410})
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


# Not urlsplit: it refuses some URLs, which have to be named in a message, too.
_QUERY = re.compile(r"[?#].*", re.DOTALL)
_USER = re.compile(r"//[^/@]*@")


class _TransientError(FetchError):
    """The server may answer if it is asked again; a caller sees this only after the last attempt."""


@dataclass(frozen=True)
class FetchedImage:
    """What came of one URL: its content, or why there is none."""

    index: int
    """The URL's place in the sequence that was given."""
    content: bytes | None
    error: FetchError | UnreadableImageError | None
    """FetchError: another try may succeed. UnreadableImageError: the file is too large, whoever asks."""


class Fetcher:
    """Reads files by URL, over connections that stay open; can be used by several threads. A context manager.

    Args:
        max_bytes: The largest file that is read.
        n_connections: How many connections stay open.
        retry_wait_s: The pause before the second attempt, in seconds; it doubles with each further one.
    """

    def __init__(
        self, *, max_bytes: int = MAX_BYTES, n_connections: int = N_THREADS, retry_wait_s: float = 0.25
    ) -> None:
        # httpx logs every full URL at INFO, httpcore headers at DEBUG. Set here and not on import, as logging may be
        # configured in between.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._max_bytes = max_bytes
        self._n_connections = n_connections
        self._retrying = Retrying(
            retry=retry_if_exception_type(_TransientError),
            stop=stop_after_attempt(_N_ATTEMPTS),
            wait=wait_exponential(multiplier=retry_wait_s, max=4 * retry_wait_s),
            reraise=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if "_client" in vars(self):
            self._client.close()

    @cached_property
    def _client(self) -> httpx.Client:
        """What asks servers; to make it takes a twentieth of a second, which files need not wait for."""
        return httpx.Client(
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=self._n_connections, max_keepalive_connections=self._n_connections),
            # Images do not get smaller, and Content-Length then says how large the file is.
            headers={"Accept-Encoding": "identity"},
            follow_redirects=True,
        )

    def fetch(self, url: str) -> bytes:
        """Return the content of the file at a URL; file:// URLs are percent-decoded.

        Connection errors, time-outs, 408, 429 and 5xx are tried again with growing pauses, four times in all.

        Raises:
            ExpiredUrlError: The server does not accept the URL (any more).
            VanishedFileError: The file is not there.
            FetchError: The server cannot be reached.
            UnreadableImageError: The file has more than `max_bytes`; it is not read to its end.
        """
        try:
            scheme = urlsplit(url).scheme
        except ValueError as error:
            raise FetchError(f"{without_query(url)}: {error}") from None
        if scheme in {"http", "https"}:
            return self._retrying.copy()(self._get, url)
        if scheme == "file":
            return self._read_local(unquote(urlsplit(url).path), url)
        return self._read(scheme, url)

    def _get(self, url: str) -> bytes:
        try:
            with self._client.stream("GET", url) as response:
                _check_status(response.status_code, url)
                self._check_size(int(response.headers.get("Content-Length", 0)))
                return self._body(response, url)
        # Their messages may hold the URL, so only their kind is passed on, and not even as the cause.
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _TransientError(f"{without_query(url)}: {type(error).__name__} in {_N_ATTEMPTS} attempts") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise FetchError(f"{without_query(url)}: {type(error).__name__}") from None

    def _body(self, response: httpx.Response, url: str) -> bytes:
        content = bytearray()
        deadline = time.monotonic() + _DEADLINE_S
        for chunk in response.iter_bytes():
            content += chunk
            self._check_size(len(content))
            if time.monotonic() > deadline:
                raise FetchError(f"{without_query(url)}: {len(content):,} bytes came in {_DEADLINE_S:.0f} s")
        return bytes(content)

    def _read_local(self, path: str, url: str) -> bytes:
        # Not by fsspec, which takes twice as long for a small file.
        try:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - half the time of a Path
                n_bytes = os.fstat(file.fileno()).st_size
                self._check_size(n_bytes)
                return file.read()
        except (OSError, ValueError) as error:
            raise _not_read(url, error) from None

    def _read(self, scheme: str, url: str) -> bytes:
        try:
            file_system = fsspec.filesystem(scheme)
            self._check_size(file_system.size(url) or 0)
            content: bytes = file_system.cat_file(url)
        except (OSError, ValueError, ImportError) as error:
            raise _not_read(url, error) from None
        return content

    def _check_size(self, n_bytes: int) -> None:
        if n_bytes > self._max_bytes:
            raise UnreadableImageError(f"is too large: {n_bytes:,} bytes or more, the limit is {self._max_bytes:,}")


def fetch(url: str, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the content of the file at one URL; for many, use `fetch_all`. Raises as `Fetcher.fetch` does."""
    with Fetcher(max_bytes=max_bytes, n_connections=1) as fetcher:
        return fetcher.fetch(url)


def fetch_all(
    urls: Sequence[str],
    *,
    n_threads: int = N_THREADS,
    refresh: Callable[[int], str] | None = None,
    retry_wait_s: float = 0.25,
) -> Generator[FetchedImage]:
    """Fetch many files in threads, in any order; at most four contents per thread are in memory.

    Args:
        urls: Where the files are.
        n_threads: How many are fetched at once.
        refresh: Returns a new URL for an index whose URL has expired. It is called from the threads, at most once for
            an index; what it raises ends the iteration.
        retry_wait_s: See `Fetcher`.
    """
    with Fetcher(n_connections=n_threads, retry_wait_s=retry_wait_s) as fetcher:
        yield from map_unordered(
            lambda index: fetch_one(fetcher, index, urls, refresh=refresh),
            range(len(urls)),
            n_threads=n_threads,
            look_ahead=4 * n_threads,
        )


def fetch_one(
    fetcher: Fetcher, index: int, urls: Sequence[str], *, refresh: Callable[[int], str] | None = None
) -> FetchedImage:
    """Fetch one of many files, whatever comes of it; the arguments are those of `fetch_all`."""
    try:
        try:
            content = fetcher.fetch(urls[index])
        except ExpiredUrlError:
            if refresh is None:
                raise
            content = fetcher.fetch(refresh(index))
    except (FetchError, UnreadableImageError) as error:
        # Made anew: a traceback would keep what was read so far alive for as long as the error.
        return FetchedImage(index, None, type(error)(*error.args))
    return FetchedImage(index, content, None)


def without_query(url: str) -> str:
    """Return a URL without what is secret in it (query, fragment, user and password), for messages and logs."""
    return _USER.sub("//", _QUERY.sub("", url), count=1)


def _not_read(url: str, error: Exception) -> FetchError:
    """Return what a file system's error means."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    kind = VanishedFileError if isinstance(error, FileNotFoundError) else FetchError
    return kind(f"{without_query(url)}: {reason}")


def _check_status(status: int, url: str) -> None:
    if status == httpx.codes.OK:
        return
    answer = f"{without_query(url)}: the server answered {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
    if status in _EXPIRED:
        raise ExpiredUrlError(answer)
    if status in _TRANSIENT:
        raise _TransientError(f"{answer} in {_N_ATTEMPTS} attempts")
    raise VanishedFileError(answer) if status in _VANISHED else FetchError(answer)
