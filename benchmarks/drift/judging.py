"""Windows that come in one after the other, judged by the product, and what became of it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.drift.networks import Recordings
from benchmarks.drift.shifts import IMAGE_QUALITY, Kind
from benchmarks.drift.versions import Version, Window, count_window, is_right
from include.config_parts import DriftConfig, RetrainingConfig
from include.drift.arbiter.verdict import (
    ACTING,
    Action,
    Decision,
    Evidence,
    PreviousOnWindow,
    RecentWindow,
    Verdict,
    decide,
)
from include.drift.statistics.accuracy import Method, Realised
from include.drift.statistics.measuring import WindowEvidence, measure_window

N_WINDOWS = 3
"""How long something that persists may take until it is acted on: as many windows as `drift.of_windows`."""

DRIFT = DriftConfig()
RETRAINING = RetrainingConfig(mode="automatic")
LEARNS: frozenset[Action] = frozenset({"REQUEST_LABELS", "REQUEST_RETRAINING"})

Done = tuple[Verdict, Action] | None
"""What is done, with its verdict; None: nothing."""


class Judged(NamedTuple):
    """What the product said of a window, and what was true of it."""

    verdict: Verdict
    action: Action
    accuracy: float
    """On the window's images: the truth."""
    estimates: dict[Method, float]
    is_trusted: bool
    is_harmless: bool
    """Whether it is reported as a window whose accuracy holds and whose images are whole."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Windows of one kind, and what is known beside them."""

    champion: Version
    windows: tuple[Window, ...]
    previous: Version | None = None
    n_new_labels: int = 0
    realised: tuple[Realised | None, ...] = ()
    """What labels say of each window; empty: there are none."""


def judge_in_turn(recordings: Recordings, case: Case, *, seed: Sequence[int]) -> list[Judged]:
    """Judge windows as they come in; nothing that is decided changes the ones that follow.

    Args:
        recordings: All answers.
        case: The windows.
        seed: Of the draws.
    """
    judged = []
    recent: tuple[RecentWindow, ...] = ()
    for place, window in enumerate(case.windows):
        realised = case.realised[place] if case.realised else None
        measured = measure(recordings, case.champion, window, seed=(*seed, place), realised=realised)
        evidence = Evidence(
            version=case.champion.number,
            n_images=len(window.places),
            window=measured,
            recent=recent,
            n_new_labels=case.n_new_labels,
        )
        theirs = partial(measure, recordings, case.previous, window, seed=(*seed, place)) if case.previous else None
        decision = decide_on(evidence, theirs)
        recent = (RecentWindow(check_id=f"window {place}", acts=decision.verdict in ACTING), *recent)
        judged.append(_judged(decision, measured, float(is_right(recordings, case.champion, window).mean())))
    return judged


def measure(
    recordings: Recordings,
    version: Version,
    window: Window,
    *,
    seed: Sequence[int],
    realised: Realised | None = None,
) -> WindowEvidence:
    """Measure a version's answers to a window."""
    counts = count_window(recordings, version, window)
    return measure_window(version.baseline, counts, drift=DRIFT, seed=_one_seed(seed), realised=realised)


def decide_on(evidence: Evidence, previous: Callable[[], WindowEvidence] | None) -> Decision:
    """Decide as a check does, which asks the previous version where the data seem to have drifted, and only there.

    Args:
        evidence: What is known without the previous version.
        previous: What is measured on its answers to the same window; None: there is none.
    """
    decision = decide(evidence, drift=DRIFT, retraining=RETRAINING)
    if decision.verdict != "DATA_DRIFT" or previous is None:
        return decision
    theirs = previous()
    asked = PreviousOnWindow(
        version=evidence.version - 1, accuracy=theirs.accuracy, comparison=theirs.signals[0].comparison
    )
    return decide(replace(evidence, previous=asked), drift=DRIFT, retraining=RETRAINING)


def first_action(judged: Sequence[Judged]) -> Judged | None:
    """Return the first window at which something is done; None: nothing is."""
    return next((window for window in judged if window.action != "NONE"), None)


def is_right_on_harm(kind: Kind, judged: Sequence[Judged]) -> bool:
    """Whether what is done first about images that the champion is bad at is right, and nothing is rolled back.

    To ask for retraining, or for the labels that it needs, always is. To stop and tell a person that the images are
    broken is, where it is their quality.
    """
    first = first_action(judged)
    if first is None or any(window.action == "ROLL_BACK" for window in judged):
        return False
    stops = first.verdict == "BROKEN_IMAGES" and first.action == "ALERT"
    return first.action in LEARNS or (stops and kind in IMAGE_QUALITY)


def leaves_the_model_alone(judged: Sequence[Judged]) -> bool:
    """Whether nothing is retrained or rolled back."""
    return not {window.action for window in judged} & {"REQUEST_RETRAINING", "ROLL_BACK"}


def what_was_done(judged: Sequence[Judged]) -> Done:
    """Return the first thing that is done, with its verdict."""
    first = first_action(judged)
    return None if first is None else (first.verdict, first.action)


def tally(trials: Sequence[Sequence[Judged]]) -> str:
    """Say what was done first in how many trials, the most frequent first."""
    counts = Counter(name_of_action(what_was_done(judged)) for judged in trials)
    return ", ".join(f"{name} {n}" for name, n in counts.most_common())


def name_of_action(done: Done) -> str:
    """Return what was done as tables show it."""
    return "nothing" if done is None else " ".join(done)


def _judged(decision: Decision, measured: WindowEvidence, accuracy: float) -> Judged:
    estimated = measured.accuracy
    if estimated is None:
        raise RuntimeError("a baseline of this benchmark knows which answers were right")
    return Judged(
        verdict=decision.verdict,
        action=decision.action,
        accuracy=accuracy,
        estimates={estimate.method: estimate.value for estimate in estimated.estimates},
        is_trusted=estimated.is_trusted,
        is_harmless=not measured.jumps and not estimated.has_dropped(DRIFT.min_accuracy_drop),
    )


def _one_seed(seed: Sequence[int]) -> int:
    return int(np.random.default_rng(seed).integers(2**32))
