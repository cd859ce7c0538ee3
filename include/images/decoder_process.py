"""A process that decodes images for another one: what a file does to a decoder, it does to this process alone.

It reads requests from its standard input until that is closed, and writes an answer to each to what was its standard
output. Both are lengths and bytes: nothing is ever unpickled. An image that takes too long ends the process by timers
of the kernel's, which work while a decoder holds Python's lock, and when the one that asked is no longer there.
"""

import faulthandler
import fcntl
import os
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import BinaryIO

import numpy as np

from include.errors import UnreadableImageError
from include.images.decode import DecodedImage, Turn, decode
from include.images.statistics import ImageStatistics

REQUEST = struct.Struct("<QI")
"""The bytes of the file, which follow, and the side of the square in pixels."""
ANSWER = struct.Struct("<cQ")
"""The kind, and the bytes of the answer, which follow."""

PATIENCE = 6
"""How many times longer an image may take than its decoder computes: other programs use the cores, too."""

_STATISTICS = struct.Struct("<IIddd")


class Kind(Enum):
    """What an answer says."""

    READY = b"R"
    """The first one, which nobody has asked for."""
    DECODED = b"D"
    UNREADABLE = b"U"
    """Followed by the reason."""
    OUT_OF_MEMORY = b"M"
    FAILED = b"F"
    """In a way that no file explains; followed by the traceback."""


def unpack_image(answer: bytes, *, size: int) -> DecodedImage:
    """Return the image of an answer that says DECODED.

    Args:
        answer: The answer.
        size: The side that was asked for, in pixels.
    """
    statistics = ImageStatistics(*_STATISTICS.unpack_from(answer))
    pixels = np.frombuffer(answer, dtype=np.uint8, offset=_STATISTICS.size)
    return DecodedImage(pixels.reshape(size, size, 3), statistics)


def _pack_image(image: DecodedImage) -> bytes:
    s = image.statistics
    return _STATISTICS.pack(s.width, s.height, s.brightness, s.contrast, s.sharpness) + image.pixels.tobytes()


def serve(requests: BinaryIO, answers: BinaryIO, *, seconds: float, large_turn: int) -> None:
    """Answer requests until there are no more.

    Args:
        requests: Where they come from.
        answers: Where the answers go.
        seconds: How long the decoder may compute for an image; one that takes longer ends the process.
        large_turn: A file descriptor: large images are decoded by one of the processes that share it at a time.
    """

    @contextmanager
    def turn() -> Iterator[None]:
        _set_timers(0)  # the wait for others, which end in any case, is not the image's doing
        fcntl.lockf(large_turn, fcntl.LOCK_EX)
        _set_timers(seconds)
        try:
            yield
        finally:
            fcntl.lockf(large_turn, fcntl.LOCK_UN)

    _write(answers, Kind.READY)
    while header := requests.read(REQUEST.size):
        n_bytes, size = REQUEST.unpack(header)
        content = requests.read(n_bytes)
        _set_timers(seconds)
        kind, answer = _answer(content, size, turn)
        _set_timers(0)
        _write(answers, kind, answer)


def _set_timers(seconds: float) -> None:
    """End this process when it has computed for so long, or waited for much longer; 0: never."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)


def _answer(content: bytes, size: int, turn: Turn) -> tuple[Kind, bytes]:
    try:
        return Kind.DECODED, _pack_image(decode(content, size=size, turn=turn))
    except UnreadableImageError as error:
        return Kind.UNREADABLE, str(error).encode()
    except MemoryError:
        return Kind.OUT_OF_MEMORY, b""
    except Exception:  # noqa: BLE001 - raised by the one that asked
        return Kind.FAILED, traceback.format_exc().encode(errors="replace")


def _write(answers: BinaryIO, kind: Kind, answer: bytes = b"") -> None:
    answers.write(ANSWER.pack(kind.value, len(answer)) + answer)
    answers.flush()


def main() -> None:
    """Serve the one that started this process; the arguments are those of `serve`."""
    for timer in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(timer, signal.SIG_DFL)
    # the thread that started us may have blocked them
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM, signal.SIGPROF})
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # files that crash decoders must not fill the disk
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who gets it, too, is the one that started us, and closes our input
    faulthandler.enable()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    serve(sys.stdin.buffer, answers, seconds=float(sys.argv[1]), large_turn=int(sys.argv[2]))


if __name__ == "__main__":
    main()
