"""Decode images in processes of their own: a file that crashes a decoder, or keeps it busy for ever, is one bad image.

In this process it would end the task, at every try again, and keep all other images of its batch from being answered.
"""

import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from types import TracebackType
from typing import IO, Self, cast

from include.errors import DecoderError, UnreadableImageError
from include.images.decode import DecodedImage
from include.images.decoder_process import ANSWER, REQUEST, Kind, unpack_image

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


class Decoders:
    """Decodes images in other processes; can be used by several threads. A context manager.

    A process is started when all others are busy, and serves until the end.

    Args:
        seconds: How long the decoder may compute for an image; altogether, it may take six times as long.
    """

    def __init__(self, *, seconds: float = DECODE_SECONDS) -> None:
        self._seconds = seconds
        self._started: list[_DecoderProcess] = []
        self._idle: list[_DecoderProcess] = []
        self._lock = Lock()
        self._large_turn = TemporaryFile()  # noqa: SIM115 - closed at the end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self._started:
            process.end()
        self._large_turn.close()

    def decode(self, content: bytes, *, size: int) -> DecodedImage:
        """Decode an image as `include.images.decode.decode` does, whose arguments these are.

        One that ends its process is tried once more, by a new one: an image before it may have done the harm, and on a
        machine that is busy with other things anything may take long.

        Raises:
            UnreadableImageError: As `decode` says; or the image crashes the decoder, or takes too long, both times.
            DecoderError: A process did not start, or was ended from outside, or fails in a way that no file explains.
        """
        try:
            return self._decode(self._take(), content, size)
        except _DecoderDiedError as died:
            log.warning("an image of %d bytes %s: it is tried once more", len(content), self._harm(died))
        try:
            return self._decode(self._new(), content, size)
        except _DecoderDiedError as died:
            raise UnreadableImageError(self._harm(died)) from None

    def _decode(self, process: "_DecoderProcess", content: bytes, size: int) -> DecodedImage:
        kind, answer = process.ask(content, size=size)
        with self._lock:
            self._idle.append(process)
        if kind is Kind.DECODED:
            return unpack_image(answer, size=size)
        if kind is Kind.UNREADABLE:
            raise UnreadableImageError(answer.decode())
        if kind is Kind.OUT_OF_MEMORY:
            raise MemoryError(f"an image of {len(content):,} bytes")
        raise DecoderError(f"an image of {len(content):,} bytes could not be decoded: {answer.decode()}")

    def _take(self) -> "_DecoderProcess":
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._new()

    def _new(self) -> "_DecoderProcess":
        try:
            process = _DecoderProcess(self._seconds, self._large_turn.fileno())
        except _DecoderDiedError as died:
            raise DecoderError(f"a process that decodes images did not start: {died}") from None
        with self._lock:
            self._started.append(process)
        return process

    def _harm(self, died: "_DecoderDiedError") -> str:
        """Return what an image does to the decoder.

        Raises:
            DecoderError: It was not the image that has ended it.
        """
        if died.signal in _TIMERS:
            return f"takes more than {self._seconds:g} s to decode"
        if died.signal in _CRASHES:
            return f"crashes the decoder ({died.signal.name})"
        raise DecoderError(f"a process that decodes images was ended: {died}") from None


class _DecoderDiedError(Exception):
    """A process ended before it answered."""

    def __init__(self, return_code: int) -> None:
        self.signal = signal.Signals(-return_code) if return_code < 0 else None
        super().__init__(self.signal.name if self.signal else f"it returned {return_code}")


class _DecoderProcess:
    """A process that is ready to decode.

    Args:
        seconds: How long the decoder may compute for an image; altogether, it may take six times as long.
        large_turn: A file descriptor, whose lock the one process holds that decodes a large image.

    Raises:
        _DecoderDiedError: It ended before it was ready.
    """

    def __init__(self, seconds: float, large_turn: int) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        # It imports what we do, wherever that was found; one thread is enough, as there are as many processes as cores.
        found_in = os.pathsep.join([str(_ROOT), *filter(None, sys.path)])
        environment |= {"PYTHONPATH": found_in, "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", *PROGRAM, str(seconds), str(large_turn)],  # -P: nothing from the working directory
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            pass_fds=(large_turn,),
        )
        self._requests = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)
        self._answer()

    def ask(self, content: bytes, *, size: int) -> tuple[Kind, bytes]:
        """Return the answer for a file.

        Raises:
            _DecoderDiedError: It ended before it answered.
        """
        try:
            self._requests.write(REQUEST.pack(len(content), size))
            self._requests.write(content)
            self._requests.flush()
        except BrokenPipeError:
            raise _DecoderDiedError(self.end()) from None
        return self._answer()

    def end(self) -> int:
        """Wait for the end of a process that has ended, or that ends as it is asked nothing more; its return code."""
        with suppress(BrokenPipeError):
            self._requests.close()
        self._answers.close()
        return self._process.wait()

    def _answer(self) -> tuple[Kind, bytes]:
        header = self._answers.read(ANSWER.size)
        if len(header) == ANSWER.size:
            kind, n_bytes = ANSWER.unpack(header)
            answer = self._answers.read(n_bytes)
            if len(answer) == n_bytes:
                return Kind(kind), answer
        raise _DecoderDiedError(self.end())
