"""Trials of one row, each with a baseline of its own, in two processes."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.drift.networks import UPRIGHT, Recordings
from benchmarks.drift.versions import N_BASELINE, Places, Version, accept

N_PROCESSES = 2
_PROGRESS_S = 60.0

_Result = TypeVar("_Result")

_recordings: list[Recordings] = []


@contextmanager
def processes(folder: Path | None) -> Iterator[ProcessPoolExecutor]:
    """Give two processes, each of which computes with one thread.

    Args:
        folder: Whose recordings `recordings` returns in these processes; None: there are none.
    """
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the processes as they start
    # spawned, as a copy of a process that has computed with torch may hang
    with ProcessPoolExecutor(N_PROCESSES, get_context("spawn"), _open, (folder,)) as pool:
        yield pool
    if before is None:
        del os.environ["OMP_NUM_THREADS"]
    else:
        os.environ["OMP_NUM_THREADS"] = before


def recordings() -> Recordings:
    """Return the recordings of this process."""
    return _recordings[0]


def run_trials(
    pool: ProcessPoolExecutor, trial: Callable[[Sequence[int]], _Result], n_trials: int, *, seed: Sequence[int]
) -> list[_Result]:
    """Run trials, each with the seed (*seed, number), in order, and say now and then how far they are."""
    name = trial.__module__.rpartition(".")[2].replace("_", " ")
    results: list[_Result] = []
    shown = time.monotonic()
    for result in pool.map(trial, [(*seed, number) for number in range(n_trials)]):
        results.append(result)
        if time.monotonic() - shown > _PROGRESS_S:
            shown = time.monotonic()
            print(f"{name}: {len(results)} of {n_trials}", flush=True)
    return results


def draw_champion(rng: np.random.Generator) -> tuple[Version, Places]:
    """Return the champion with a baseline of 350 held-out photos, and the other photos in an order of their own."""
    order = rng.permutation(len(recordings().labels))
    champion = accept(recordings(), "champion", UPRIGHT, order[:N_BASELINE], number=2)
    return champion, order[N_BASELINE:]


def draw_both(rng: np.random.Generator) -> tuple[Version, Version, Places]:
    """Return the champion, the version before it with 350 other held-out photos, and what is left."""
    champion, others = draw_champion(rng)
    previous = accept(recordings(), "previous", UPRIGHT, others[:N_BASELINE], number=1)
    return champion, previous, others[N_BASELINE:]


def _open(folder: Path | None) -> None:
    if folder is not None:
        _recordings.append(Recordings(folder))
