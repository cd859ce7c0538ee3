"""The cores that a task may use, and those of them that nobody else keeps busy."""

import os
import time
from contextlib import suppress

MAX_THREADS = 2
"""Tasks run beside each other: more threads than this would take the cores of the next one."""
_WATCHED_S = 0.25


def available_threads() -> int:
    """Return how many threads a task may use: 1 or 2, never more than the cores that this process may run on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MAX_THREADS, cores))


def free_threads() -> int:
    """Return how many threads a task may use now: 1 where others keep the cores busy. It takes a quarter of a second.

    A core is free while it is idle or works for this process and those that it has started: its decoders wait as soon
    as they are ahead, so they must not look like somebody else's work.
    """
    n_threads = available_threads()
    if n_threads == 1:
        return 1
    before, started = _idle_or_ours(), time.monotonic()
    time.sleep(_WATCHED_S)
    free = (_idle_or_ours() - before) / (time.monotonic() - started)
    return max(1, min(n_threads, round(free)))


def _idle_or_ours() -> float:
    """Return for how many seconds the cores were idle, or have worked for this process and its descendants."""
    import psutil  # not among the packages of the SQL function, which has a thread for itself

    of_machine, me = psutil.cpu_times(), psutil.Process()
    seconds = float(of_machine.idle + getattr(of_machine, "iowait", 0.0))
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.Error):  # it may have ended
            spent = process.cpu_times()
            seconds += spent.user + spent.system
    return seconds
