"""How far the memory of processes grows while something runs."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil

_EVERY_S = 0.05
_MIB = 2**20


class Peaks:
    """The most memory that each process held resident."""

    def __init__(self, processes: Sequence[psutil.Process]) -> None:
        self._processes = processes
        self._peaks = [0] * len(processes)
        self.look()

    def look(self) -> None:
        """Look once."""
        for number, process in enumerate(self._processes):
            self._peaks[number] = max(self._peaks[number], process.memory_info().rss)

    def in_mib(self) -> list[float]:
        """Return the peaks, in MiB."""
        return [peak / _MIB for peak in self._peaks]


@contextmanager
def watched(processes: Sequence[psutil.Process]) -> Iterator[Peaks]:
    """Look at processes twenty times a second while the context lasts."""
    peaks, ended = Peaks(processes), threading.Event()

    def watch() -> None:
        while not ended.wait(_EVERY_S):
            peaks.look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()
        peaks.look()
