"""Shifted photos and other mixes of classes, three windows in a row of each, as the check judges them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.drift import evidently_default
from benchmarks.drift.judging import DRIFT, N_WINDOWS, RETRAINING, Case, Judged, judge_in_turn
from benchmarks.drift.networks import UPRIGHT
from benchmarks.drift.shifts import CLEAN, GRID, MIXES, Kind
from benchmarks.drift.trials import draw_both, recordings
from benchmarks.drift.versions import Places, Window, is_right, sample

N_IMAGES = DRIFT.window
SHIFTS = (CLEAN, *GRID)


class Trial(NamedTuple):
    """Three windows in a row of one kind, judged."""

    name: str
    kind: Kind | None
    """None: another mix of classes."""
    judged: list[Judged]
    expected: float
    """The champion's accuracy on its held-out images."""
    peer_alarms: bool
    """Whether Evidently's default alarms on one of them, and so retrains."""


def trial(seed: Sequence[int]) -> list[Trial]:
    """Judge three windows of each shift and of each mix with one baseline.

    Labels for a retraining are in, and a previous version could be restored: nothing but the verdict keeps from it.
    """
    rng = np.random.default_rng(seed)
    champion, previous, others = draw_both(rng)

    def judge(name: str, kind: Kind | None, windows: Sequence[Window]) -> Trial:
        case = Case(
            champion=champion, previous=previous, windows=tuple(windows), n_new_labels=RETRAINING.min_new_labels
        )
        return _judge(name, kind, case, seed=(*seed, len(done)))

    done: list[Trial] = []
    for shift in SHIFTS:
        rng.shuffle(others)
        windows = [Window((shift,), others[n * N_IMAGES : (n + 1) * N_IMAGES]) for n in range(N_WINDOWS)]
        done.append(judge(shift.name, shift.kind, windows))
    for name, factors in MIXES.items():
        windows = [Window(UPRIGHT, draw_mix(factors, others, rng)) for _ in range(N_WINDOWS)]
        done.append(judge(f"mix: {name}", None, windows))
    return done


def draw_mix(factors: Mapping[str, float], others: Places, rng: np.random.Generator) -> Places:
    """Draw a window in which some classes are more or less frequent than elsewhere.

    Args:
        factors: What the share of a class is multiplied by.
        others: The photos to draw from.
        rng: What to draw with.
    """
    labels, classes = recordings().labels[others], recordings().classes
    weights = np.array([factors.get(label, 1.0) for label in classes])[labels]
    return np.asarray(rng.choice(others, N_IMAGES, replace=False, p=weights / weights.sum()))


def _judge(name: str, kind: Kind | None, case: Case, *, seed: Sequence[int]) -> Trial:
    champion = case.champion
    held_out = Window(champion.world, champion.held_out)
    reference = sample(recordings(), champion, held_out)
    return Trial(
        name=name,
        kind=kind,
        judged=judge_in_turn(recordings(), case, seed=seed),
        expected=float(is_right(recordings(), champion, held_out).mean()),
        peer_alarms=any(
            evidently_default.alarms(reference, sample(recordings(), champion, window)) for window in case.windows
        ),
    )
