"""A decoder process whose decoder obeys: what a file begins with happens to it, as by a bug in a real one."""

import ctypes
import os
import signal
import time
from pathlib import Path

from include.images import decoder_process
from include.images.decode import DecodedImage, Turn, decode


def crash_once(argument: bytes) -> bytes:
    marker = Path(argument.decode())
    if not marker.exists():
        marker.touch()
        os.abort()
    return marker.with_suffix(".png").read_bytes()


def run_out_of_memory(argument: bytes) -> bytes:
    raise MemoryError


def miss_a_library(argument: bytes) -> bytes:
    raise ImportError("a library is missing")


def spin(argument: bytes) -> bytes:
    while True:
        pass


def print_something(argument: bytes) -> bytes:
    os.write(1, b"a library says something")
    return argument


COMMANDS = {
    b"abort": lambda _: os.abort(),
    b"segfault": lambda _: ctypes.string_at(0),
    b"spin": spin,
    b"hang": lambda _: time.sleep(600),
    b"hang-with-the-lock": lambda _: ctypes.PyDLL(None).sleep(600),
    b"killed": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    b"crash-once": crash_once,
    b"out-of-memory": run_out_of_memory,
    b"bug": miss_a_library,
    b"print": print_something,
}


def obey(content: bytes, *, size: int, jpeg_detail: int, turn: Turn) -> DecodedImage:
    command, _, argument = content.partition(b" ")
    if command == b"large":
        log, _, content = argument.partition(b" ")
        with turn(), Path(log.decode()).open("a", buffering=1) as file:
            file.write("in\n")
            time.sleep(0.3)
            file.write("out\n")
    return decode(COMMANDS[command](argument) if command in COMMANDS else content, size=size)


decoder_process.decode = obey  # type: ignore[attr-defined]
decoder_process.PATIENCE = 2
decoder_process.main()
