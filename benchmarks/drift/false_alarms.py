"""How often windows without drift alarm: photos of the same kind as the baseline's, which it does not hold."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift import evidently_default
from benchmarks.drift.intervals import rate_percentile
from benchmarks.drift.judging import DRIFT, RETRAINING, measure
from benchmarks.drift.networks import UPRIGHT
from benchmarks.drift.table import Row, Value, mean_of
from benchmarks.drift.trials import draw_champion, recordings, run_trials
from benchmarks.drift.versions import N_BASELINE, Version, Window, sample
from include.drift.arbiter.verdict import ACTING, Evidence, decide

MEASURE = "false alarms of the combined check on windows without drift"
SIZES = (50, 100, 200)
N_WINDOWS = 3
"""Disjoint windows of each size and baseline, which follow each other."""
SIGNALS = ("confidences", "classes", "features", "images")

_REACH = 0.02
_REACH_TWO_OF_THREE = 0.01


class Found(NamedTuple):
    """What a window without drift made the check say."""

    speaking: tuple[str, ...]
    """The signals that spoke."""
    acts: bool
    """Whether it got a verdict that something is done about."""
    peer_alarms: bool
    """Whether Evidently's default alarms."""


def row(pool: ProcessPoolExecutor, *, n_baselines: int, seed: int) -> Row:
    """Return the row of the table."""
    trials = run_trials(pool, trial, n_baselines, seed=(seed, 1))
    values: list[Value] = []
    details = []
    for place, n_images in enumerate(SIZES):
        found = [of_baseline[place] for of_baseline in trials]
        values += figures(found, n_images=n_images, seed=seed)
        details.append(_by_signal(found, n_images))
    return Row(
        measure=MEASURE,
        values=tuple(values),
        details=tuple(details),
        note=(
            f"{n_baselines} baselines of {N_BASELINE} held-out photos, {N_WINDOWS} disjoint windows each of others, "
            f"drift.false_alarm_rate is {DRIFT.false_alarm_rate:g}. In which share of the windows each signal spoke"
        ),
    )


def figures(found: Sequence[Sequence[Found]], *, n_images: int, seed: int) -> list[Value]:
    """Return the figures of one size of window.

    Args:
        found: Of each baseline the windows in their order.
        n_images: In each window.
        seed: Of the interval.
    """
    alarms = np.array([[bool(window.speaking) for window in windows] for windows in found], dtype=np.float64)
    acts = np.array([[window.acts for window in windows] for windows in found], dtype=np.float64)
    peer = np.array([[window.peer_alarms for window in windows] for windows in found], dtype=np.float64)
    of = f"n = {n_images}"
    return [
        mean_of(f"{of}: a signal speaks", alarms, seed=seed, reach=_REACH),
        Value(name=f"{of}: 95th percentile of the baselines' rates", value=rate_percentile(alarms), n=len(alarms)),
        mean_of(f"{of}: in 2 of 3 windows", two_of_three(alarms), seed=seed, reach=_REACH_TWO_OF_THREE),
        mean_of(f"{of}: a verdict that would act", acts, seed=seed),
        mean_of(f"{of}: Evidently's default of 0.1", peer, seed=seed),
    ]


def two_of_three(alarms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each three windows in a row whether at least two of them alarm.

    Args:
        alarms: 0 or 1, [n_baselines, n_windows], a multiple of three windows.

    Returns:
        0 or 1, [n_baselines, n_windows / 3].
    """
    threes = alarms.reshape(len(alarms), -1, 3)
    return np.asarray(threes.sum(axis=2) >= 2, dtype=np.float64)


def trial(seed: Sequence[int]) -> list[list[Found]]:
    """Return what the windows of each size made the check of one baseline say."""
    rng = np.random.default_rng(seed)
    champion, others = draw_champion(rng)
    found = []
    for n_images in SIZES:
        rng.shuffle(others)
        windows = [Window(UPRIGHT, others[n * n_images : (n + 1) * n_images]) for n in range(N_WINDOWS)]
        found.append([_check(champion, window, (*seed, n_images, n)) for n, window in enumerate(windows)])
    return found


def _check(champion: Version, window: Window, seed: Sequence[int]) -> Found:
    measured = measure(recordings(), champion, window, seed=seed)
    evidence = Evidence(version=champion.number, n_images=DRIFT.window, window=measured)
    reference = sample(recordings(), champion, Window(champion.world, champion.held_out))
    return Found(
        speaking=tuple(signal.name for signal in measured.speaking),
        acts=decide(evidence, drift=DRIFT, retraining=RETRAINING).verdict in ACTING,
        peer_alarms=evidently_default.alarms(reference, sample(recordings(), champion, window)),
    )


def _by_signal(found: Sequence[Sequence[Found]], n_images: int) -> dict[str, str | float]:
    windows = [window for of_baseline in found for window in of_baseline]
    shares = {name: sum(name in window.speaking for window in windows) / len(windows) for name in SIGNALS}
    return {"n": str(n_images), **{name: f"{share:.2%}" for name, share in shares.items()}}
