"""A process that decodes images for another one: what a file does to a decoder, it does to this process alone.

It reads requests from its standard input until that is closed. The files of a request lie one after the other in a
file in memory that both processes hold; what came of each goes into another one as soon as it is known, so that it is
there if the next image ends this process. A byte on what was the standard output says that all are done. Lengths and
bytes: nothing is ever unpickled. An image that takes too long ends the process by timers of the kernel's, which work
while a decoder holds Python's lock, and when the one that asked is no longer there.
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

from include.errors import UnreadableImageError
from include.images.decode import Turn, decode
from include.images.statistics import ImageStatistics

REQUEST = struct.Struct("<III")
"""How many files there are, the side of the square in pixels, the detail of a JPEG; then all lengths, as `LENGTH`."""
LENGTH = struct.Struct("<Q")
DONE = b"."
"""What is sent when the process is ready, and whenever all files of a request are done."""
SLOT_BYTES = 1024
"""What is said of an image takes so much at the start of the results; behind these, its pixels have a place."""

NICENESS = 10
"""How far decoding stands back for whoever computes with what is decoded: a network's threads wait for each other, and
one that has to share its core keeps all of them waiting."""
PATIENCE = 6
"""How many times longer an image may take than its decoder computes: other programs use the cores, too."""

_SLOT = struct.Struct("<cI")
"""The kind, and the bytes that follow."""
_STATISTICS = struct.Struct("<IIddd")
_MOST_SAID = SLOT_BYTES - _SLOT.size


class Kind(Enum):
    """What came of an image."""

    NOTHING = b"\0"
    """The decoder has not come to its end."""
    DECODED = b"D"
    """Followed by the statistics."""
    UNREADABLE = b"U"
    """Followed by the reason."""
    OUT_OF_MEMORY = b"M"
    FAILED = b"F"
    """In a way that no file explains; followed by the end of the traceback."""


def row_bytes(size: int) -> int:
    """Return the bytes of an image's pixels."""
    return size * size * 3


def pack_slot(kind: Kind, said: bytes = b"") -> bytes:
    """Return what is said of an image as it stands in its slot."""
    return _SLOT.pack(kind.value, len(said)) + said


def unpack_slot(slot: bytes) -> tuple[Kind, bytes]:
    """Return what a slot says."""
    kind, n_bytes = _SLOT.unpack_from(slot)
    return Kind(kind), slot[_SLOT.size : _SLOT.size + n_bytes]


def unpack_statistics(said: bytes) -> ImageStatistics:
    """Return the statistics of an image that is DECODED."""
    return ImageStatistics(*_STATISTICS.unpack(said))


def serve(
    requests: BinaryIO, answers: BinaryIO, *, seconds: float, large_turn: int, contents: int, results: int
) -> None:
    """Answer requests until there are no more.

    Args:
        requests: Where they come from.
        answers: Where is said that one is done.
        seconds: How long the decoder may compute for an image; one that takes longer ends the process.
        large_turn: A file descriptor: large images are decoded by one of the processes that share it at a time.
        contents: A file descriptor, of the files to decode.
        results: A file descriptor, for what came of them.
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

    _say_done(answers)
    while header := requests.read(REQUEST.size):
        n_files, size, jpeg_detail = REQUEST.unpack(header)
        lengths = [length for (length,) in LENGTH.iter_unpack(requests.read(LENGTH.size * n_files))]
        offset = 0
        for place, length in enumerate(lengths):
            content = os.pread(contents, length, offset)
            offset += length
            _set_timers(seconds)
            pixels, slot = _decoded(content, size, jpeg_detail, turn)
            _set_timers(0)
            os.pwrite(results, pixels, n_files * SLOT_BYTES + place * row_bytes(size))
            os.pwrite(results, slot, place * SLOT_BYTES)
        _say_done(answers)


def _set_timers(seconds: float) -> None:
    """End this process when it has computed for so long, or waited for much longer; 0: never."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)


def _decoded(content: bytes, size: int, jpeg_detail: int, turn: Turn) -> tuple[bytes | memoryview, bytes]:
    """Return the pixels of an image, if it has any, and what is said of it."""
    try:
        image = decode(content, size=size, jpeg_detail=jpeg_detail, turn=turn)
    except UnreadableImageError as error:
        return b"", pack_slot(Kind.UNREADABLE, str(error).encode()[:_MOST_SAID])
    except MemoryError:
        return b"", pack_slot(Kind.OUT_OF_MEMORY)
    except Exception:  # noqa: BLE001 - raised by the one that asked
        return b"", pack_slot(Kind.FAILED, traceback.format_exc().encode(errors="replace")[-_MOST_SAID:])
    s = image.statistics
    said = _STATISTICS.pack(s.width, s.height, s.brightness, s.contrast, s.sharpness)
    return image.pixels.data, pack_slot(Kind.DECODED, said)


def _say_done(answers: BinaryIO) -> None:
    answers.write(DONE)
    answers.flush()


def main() -> None:
    """Serve the one that started this process; the arguments are those of `serve`."""
    os.nice(NICENESS)
    for timer in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(timer, signal.SIG_DFL)
    # the thread that started us may have blocked them
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM, signal.SIGPROF})
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # files that crash decoders must not fill the disk
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who gets it, too, is the one that started us, and closes our input
    faulthandler.enable()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    large_turn, contents, results = map(int, sys.argv[2:])
    serve(
        sys.stdin.buffer,
        answers,
        seconds=float(sys.argv[1]),
        large_turn=large_turn,
        contents=contents,
        results=results,
    )


if __name__ == "__main__":
    main()
