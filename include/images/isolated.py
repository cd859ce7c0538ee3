"""Decode images in processes of their own: a file that crashes a decoder, or keeps it busy for ever, is one bad image.

In this process it would end the task, at every try again, and keep all other images of its batch from being answered.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryFile
from threading import BoundedSemaphore, Lock
from types import TracebackType
from typing import IO, NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray

from include.errors import DecoderError, OutOfMemoryError, UnreadableImageError
from include.images.decode import DecodedImage
from include.images.decoder_process import (
    DONE,
    LENGTH,
    REQUEST,
    SLOT_BYTES,
    Kind,
    unpack_slot,
    unpack_statistics,
)
from include.images.statistics import ImageStatistics

log = logging.getLogger(__name__)

DECODE_SECONDS = 20.0
"""How long the decoder may compute for an image; the largest that are allowed take one or two seconds."""
PROGRAM = ("-m", "include.images.decoder_process")
"""What a decoder process runs."""

_ROOT = Path(__file__).parents[2]
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "PYTHONHOME")
"""What a decoder process gets of our environment, which holds passwords."""
_CRASHES = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSYS, signal.SIGTRAP}
)
"""What ends a process for what it does itself. SIGKILL, say, comes from a person or from a machine without memory."""
_TIMERS = frozenset({signal.SIGPROF, signal.SIGALRM})
"""What ends a process that takes too long."""


_MEMORY = ("contents", "results")
"""The files in memory that are shared with a decoder process."""
_KEPT_BYTES = 16 * 2**20
"""What more than this the files of a request take is given back at once."""

Outcome = ImageStatistics | UnreadableImageError | OutOfMemoryError
"""What came of an image: its pixels stand beside it, it is none, or it is to be tried another time."""


class DecodedImages(NamedTuple):
    """What came of some files, in their order."""

    pixels: NDArray[np.uint8]
    """RGB, [n, size, size, 3]; of one that was not decoded, anything."""
    outcomes: tuple[Outcome, ...]


class Decoders:
    """Decodes images in other processes; can be used by several threads. A context manager.

    A process is started when all others are busy, or by `start`, and serves until the end.

    Args:
        seconds: How long the decoder may compute for an image; altogether, it may take six times as long.
        n_processes: How many decode at once; by default as many as this process has cores.
    """

    def __init__(self, *, seconds: float = DECODE_SECONDS, n_processes: int | None = None) -> None:
        self._seconds = seconds
        self._started: list[_DecoderProcess] = []
        self._idle: list[_DecoderProcess] = []
        self._lock = Lock()
        self._n_processes = n_processes or len(os.sched_getaffinity(0))
        self._turns = BoundedSemaphore(self._n_processes)
        self._large_turn = TemporaryFile()  # noqa: SIM115 - closed at the end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self._started:
            process.end()
        self._large_turn.close()

    def start(self) -> None:
        """Start all processes, without waiting until they are ready, which takes some tenths of a second."""
        with self._lock:
            new = [self._launched() for _ in range(self._n_processes - len(self._started))]
            self._idle += new

    def decode(self, content: bytes, *, size: int, jpeg_detail: int = 2) -> DecodedImage:
        """Decode one image as `include.images.decode.decode` does, whose arguments these are.

        Raises:
            UnreadableImageError, OutOfMemoryError: The image's outcome, see `decode_all`.
            DecoderError: As there.
        """
        decoded = self.decode_all([content], size=size, jpeg_detail=jpeg_detail)
        [outcome] = decoded.outcomes
        if isinstance(outcome, Exception):
            raise outcome
        return DecodedImage(decoded.pixels[0], outcome)

    def decode_all(self, contents: Sequence[bytes], *, size: int, jpeg_detail: int = 2) -> DecodedImages:
        """Decode images, one after the other, in one process.

        One that ends its process, or finds no memory, is tried once more, by a new one: an image before it may have
        done the harm, and on a machine that is busy with other things anything may take long. It is unreadable if it
        crashes the decoder, or takes too long, both times.

        Raises:
            DecoderError: A process did not start, ended without a signal, or fails in a way that no file explains.
        """
        pixels = np.empty((len(contents), size, size, 3), dtype=np.uint8)
        outcomes: list[Outcome] = []
        with self._turns:
            while len(outcomes) < len(contents):
                start = len(outcomes)
                outcomes += self._decode(self._take(), contents[start:], pixels[start:], jpeg_detail)
        return DecodedImages(pixels, tuple(outcomes))

    def _decode(
        self, process: "_DecoderProcess", contents: Sequence[bytes], pixels: NDArray[np.uint8], jpeg_detail: int
    ) -> list[Outcome]:
        """Return what came of the first images: of all, or up to one that has ended the process."""
        answers = process.ask(contents, pixels, jpeg_detail)
        self._keep(process)
        outcomes: list[Outcome] = []
        for place, (kind, said) in enumerate(answers.slots):
            again = kind is Kind.OUT_OF_MEMORY
            outcomes.append(self._alone(contents[place], pixels[place], jpeg_detail) if again else _outcome(kind, said))
        if answers.died:
            suspect = contents[len(outcomes)]
            log.warning("an image of %d bytes %s: it is tried once more", len(suspect), self._harm(answers.died))
            outcomes.append(self._alone(suspect, pixels[len(outcomes)], jpeg_detail))
        return outcomes

    def _alone(self, content: bytes, pixels: NDArray[np.uint8], jpeg_detail: int) -> Outcome:
        """Return what comes of an image in a process that has decoded no other one."""
        process = self._new()
        answers = process.ask([content], pixels[np.newaxis], jpeg_detail)
        self._keep(process)
        if not answers.died:
            [(kind, said)] = answers.slots
            return OutOfMemoryError(_no_memory(content)) if kind is Kind.OUT_OF_MEMORY else _outcome(kind, said)
        if answers.died.signal is signal.SIGKILL:
            return OutOfMemoryError(_no_memory(content))
        return UnreadableImageError(self._harm(answers.died))

    def _take(self) -> "_DecoderProcess":
        with self._lock:
            process = self._idle.pop() if self._idle else self._launched()
        return _ready(process)

    def _keep(self, process: "_DecoderProcess") -> None:
        if process.is_alive:
            with self._lock:
                self._idle.append(process)

    def _new(self) -> "_DecoderProcess":
        with self._lock:
            process = self._launched()
        return _ready(process)

    def _launched(self) -> "_DecoderProcess":
        """Launch a process; the lock is held."""
        process = _DecoderProcess(self._seconds, self._large_turn.fileno())
        self._started.append(process)
        return process

    def _harm(self, died: "_DecoderDiedError") -> str:
        """Return what an image does to the decoder.

        Raises:
            DecoderError: The process was not ended by a signal that an image explains.
        """
        if died.signal in _TIMERS:
            return f"takes more than {self._seconds:g} s to decode"
        if died.signal in _CRASHES:
            return f"crashes the decoder ({died.signal.name})"
        if died.signal is signal.SIGKILL:
            return "was being decoded when the decoder was killed"
        raise DecoderError(f"a process that decodes images was ended: {died}") from None


def _ready(process: "_DecoderProcess") -> "_DecoderProcess":
    """Wait until a process can decode.

    Raises:
        DecoderError: It ended before.
    """
    try:
        process.wait_until_ready()
    except _DecoderDiedError as died:
        raise DecoderError(f"a process that decodes images did not start: {died}") from None
    return process


def _outcome(kind: Kind, said: bytes) -> Outcome:
    if kind is Kind.DECODED:
        return unpack_statistics(said)
    if kind is Kind.UNREADABLE:
        return UnreadableImageError(said.decode(errors="replace"))
    raise DecoderError(f"an image could not be decoded: {said.decode(errors='replace')}")


def _no_memory(content: bytes) -> str:
    return f"there was no memory to decode an image of {len(content):,} bytes"


class _DecoderDiedError(Exception):
    """A process ended before it answered."""

    def __init__(self, return_code: int) -> None:
        self.signal = signal.Signals(-return_code) if return_code < 0 else None
        super().__init__(self.signal.name if self.signal else f"it returned {return_code}")


class _Answers(NamedTuple):
    """What a process has said of the images that it came to."""

    slots: list[tuple[Kind, bytes]]
    died: _DecoderDiedError | None


class _DecoderProcess:
    """A process that decodes, as soon as it is ready.

    Args:
        seconds: How long the decoder may compute for an image; altogether, it may take six times as long.
        large_turn: A file descriptor, whose lock the one process holds that decodes a large image.
    """

    def __init__(self, seconds: float, large_turn: int) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        # It imports what we do, wherever that was found; one thread is enough, as there are as many processes as cores.
        found_in = os.pathsep.join([str(_ROOT), *filter(None, sys.path)])
        environment |= {"PYTHONPATH": found_in, "OPENBLAS_NUM_THREADS": "1"}
        self._contents, self._results = (os.fdopen(os.memfd_create(name), "r+b", buffering=0) for name in _MEMORY)
        shared = (large_turn, self._contents.fileno(), self._results.fileno())
        self.is_alive = True
        self._is_ready = False
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            # -P: nothing from the working directory
            [sys.executable, "-P", *PROGRAM, str(seconds), *map(str, shared)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            pass_fds=shared,
        )
        self._requests = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)

    def wait_until_ready(self) -> None:
        """Wait until it has told that it can decode.

        Raises:
            _DecoderDiedError: It ended before.
        """
        if self._is_ready:
            return
        if died := self._wait():
            self.end()
            raise died
        self._is_ready = True

    def ask(self, contents: Sequence[bytes], pixels: NDArray[np.uint8], jpeg_detail: int) -> _Answers:
        """Let it decode files.

        Args:
            contents: The files.
            pixels: Where the pixels go, [len(contents), size, size, 3].
            jpeg_detail: See `include.images.decode.decode`.
        """
        n_files, size = len(contents), pixels.shape[1]
        results = self._results.fileno()
        os.pwrite(results, bytes(n_files * SLOT_BYTES), 0)
        died = self._request(contents, size, jpeg_detail)
        slots = self._slots(n_files)
        if slots:
            # Past those of images that were decoded there may be nothing to read.
            os.preadv(results, [pixels[: len(slots)].reshape(-1).data], n_files * SLOT_BYTES)
        if died:
            self.end()
        return _Answers(slots, died)

    def _request(self, contents: Sequence[bytes], size: int, jpeg_detail: int) -> _DecoderDiedError | None:
        """Wait until all files are done; return what has ended the process before."""
        offset = 0
        for content in contents:
            offset += os.pwrite(self._contents.fileno(), content, offset)
        lengths = b"".join(LENGTH.pack(len(content)) for content in contents)
        with suppress(BrokenPipeError):
            self._requests.write(REQUEST.pack(len(contents), size, jpeg_detail) + lengths)
            self._requests.flush()
        died = self._wait()
        if offset > _KEPT_BYTES:
            os.ftruncate(self._contents.fileno(), 0)
        return died

    def _wait(self) -> _DecoderDiedError | None:
        if self._answers.read(len(DONE)) == DONE:
            return None
        with suppress(BrokenPipeError):
            self._requests.close()
        return _DecoderDiedError(self._process.wait())

    def _slots(self, n_files: int) -> list[tuple[Kind, bytes]]:
        """Return what was said of the first files, up to one of which nothing was said."""
        said = os.pread(self._results.fileno(), n_files * SLOT_BYTES, 0)
        slots = (unpack_slot(said[start : start + SLOT_BYTES]) for start in range(0, len(said), SLOT_BYTES))
        return list(takewhile(lambda slot: slot[0] is not Kind.NOTHING, slots))

    def end(self) -> None:
        """Wait for the end of a process that has ended, or that ends as it is asked nothing more."""
        self.is_alive = False
        with suppress(BrokenPipeError):
            self._requests.close()
        for file in (self._answers, self._contents, self._results):
            file.close()
        self._process.wait()
