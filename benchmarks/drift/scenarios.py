"""What the check has to tell apart: the scenario matrix, each with the one action that is right."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.judging import (
    DRIFT,
    N_WINDOWS,
    RETRAINING,
    Case,
    Done,
    Judged,
    judge_in_turn,
    name_of_action,
    tally,
    what_was_done,
)
from benchmarks.drift.networks import SIDEWAYS, TURNED, UPRIGHT, UPSIDE_DOWN, World
from benchmarks.drift.shifted_windows import draw_mix
from benchmarks.drift.shifts import Shift
from benchmarks.drift.table import Row, mean_of
from benchmarks.drift.trials import draw_both, recordings, run_trials
from benchmarks.drift.versions import N_BASELINE, Places, Version, Window, accept, is_right
from include.drift.statistics.accuracy import Realised

MEASURE = "right action over the scenario matrix"

_REACH = 0.95
_N_LABELLED = 60
"""Of each window, picked at random, where a scenario has labels."""
_CONFUSED = ("t-shirt", "shirt")
"""Where the concept drifts, photos of the first class are of the second from now on."""


class _Drawn(NamedTuple):
    """What a scenario is made of: a baseline of its own, and photos that it does not hold."""

    champion: Version
    previous: Version
    others: Places
    rng: np.random.Generator


class Scenario(NamedTuple):
    """A situation, and what is right in it."""

    group: str
    """What happens; all groups weigh the same."""
    name: str
    right: Done
    """What has to be done first, in any of three windows."""
    draw: Callable[[_Drawn], Case]


def row(pool: ProcessPoolExecutor, *, n_baselines: int, seed: int) -> Row:
    """Return the row of the table."""
    trials = run_trials(pool, trial, n_baselines, seed=(seed, 3))
    judged = [list(of_scenario) for of_scenario in zip(*trials, strict=True)]
    right = [
        np.array([is_right_in(scenario.right, one) for one in of_scenario], dtype=np.float64)
        for scenario, of_scenario in zip(SCENARIOS, judged, strict=True)
    ]
    by_group: dict[str, list[NDArray[np.float64]]] = {}
    for scenario, of_scenario in zip(SCENARIOS, right, strict=True):
        by_group.setdefault(scenario.group, []).append(of_scenario)
    of_groups = {group: np.mean(variants, axis=0) for group, variants in by_group.items()}
    return Row(
        measure=MEASURE,
        values=(
            mean_of(
                "all scenarios", np.stack(list(of_groups.values()), axis=1), seed=seed, reach=_REACH, better="higher"
            ),
            *(mean_of(group, rates[:, np.newaxis], seed=seed, better="higher") for group, rates in of_groups.items()),
        ),
        note=(
            f"{n_baselines} baselines of {N_BASELINE} held-out photos, up to {N_WINDOWS} windows of {DRIFT.window} "
            f"in a row; the {len(of_groups)} scenarios weigh the same, and so do variants of each. What was done first"
        ),
        details=tuple(
            {
                "scenario": scenario.group,
                "variant": scenario.name,
                "right": name_of_action(scenario.right),
                "rate": f"{rates.mean():.1%}",
                "done": tally(of_scenario),
            }
            for scenario, rates, of_scenario in zip(SCENARIOS, right, judged, strict=True)
        ),
    )


def is_right_in(right: Done, judged: Sequence[Judged]) -> bool:
    """Whether what was done first is what was right."""
    return what_was_done(judged) == right


def trial(seed: Sequence[int]) -> list[list[Judged]]:
    """Judge each scenario once, with baselines of its own."""
    judged = []
    for number, scenario in enumerate(SCENARIOS):
        rng = np.random.default_rng((*seed, number))
        champion, previous, others = draw_both(rng)
        case = scenario.draw(_Drawn(champion, previous, others, rng))
        judged.append(judge_in_turn(recordings(), case, seed=(*seed, number)))
    return judged


def _windows(drawn: _Drawn, world: World = UPRIGHT, *, n_images: int = DRIFT.window) -> tuple[Window, ...]:
    return tuple(Window(world, drawn.others[n * n_images : (n + 1) * n_images]) for n in range(N_WINDOWS))


def _in_world(world: World, *, n_labels: int = 0, has_previous: bool = True) -> Callable[[_Drawn], Case]:
    """Photos of another world come in."""

    def draw(drawn: _Drawn) -> Case:
        return Case(
            champion=drawn.champion,
            previous=drawn.previous if has_previous else None,
            windows=_windows(drawn, world),
            n_new_labels=n_labels,
        )

    return draw


def _another_mix(factors: Mapping[str, float]) -> Callable[[_Drawn], Case]:
    """The same classes come in, some more often than before."""

    def draw(drawn: _Drawn) -> Case:
        windows = tuple(Window(UPRIGHT, draw_mix(factors, drawn.others, drawn.rng)) for _ in range(N_WINDOWS))
        return Case(
            champion=drawn.champion, previous=drawn.previous, windows=windows, n_new_labels=RETRAINING.min_new_labels
        )

    return draw


def _regressed(network: str, trained_in: World, *, has_previous: bool = True) -> Callable[[_Drawn], Case]:
    """The champion was trained, and accepted, on photos of a world that is not that of production."""

    def draw(drawn: _Drawn) -> Case:
        return Case(
            champion=accept(recordings(), network, trained_in, drawn.champion.held_out, number=2),
            previous=drawn.previous if has_previous else None,
            windows=_windows(drawn),
        )

    return draw


def _damaged(drawn: _Drawn) -> Case:
    """The champion was accepted as it should be, and answers with weights that are damaged since."""
    champion = accept(recordings(), "champion", UPRIGHT, drawn.champion.held_out, number=2, serves="champion, damaged")
    return Case(champion=champion, previous=drawn.previous, windows=_windows(drawn))


def _confused(*, n_labels: int) -> Callable[[_Drawn], Case]:
    """One class is another from now on, which only labels of photos that were picked at random can show."""

    def draw(drawn: _Drawn) -> Case:
        windows = _windows(drawn)
        realised = tuple(_realised(drawn, window) for window in windows)
        return Case(
            champion=drawn.champion,
            previous=drawn.previous,
            windows=windows,
            n_new_labels=n_labels,
            realised=realised,
        )

    return draw


def _realised(drawn: _Drawn, window: Window) -> Realised:
    labelled = drawn.rng.permutation(len(window.places))[:_N_LABELLED]
    before, now = (recordings().classes.index(label) for label in _CONFUSED)
    labels = recordings().labels[window.places]
    right = is_right(recordings(), drawn.champion, window) & (labels != before)
    given = recordings().answers(drawn.champion.network, window.world).logits[window.places].argmax(axis=1)
    right |= (labels == before) & (given == now)
    return Realised(n_images=_N_LABELLED, n_right=int(right[labelled].sum()))


def _too_few(world: World) -> Callable[[_Drawn], Case]:
    """Fewer photos come in than a verdict needs."""

    def draw(drawn: _Drawn) -> Case:
        return Case(
            champion=drawn.champion,
            previous=drawn.previous,
            windows=_windows(drawn, world, n_images=DRIFT.window - 1),
            n_new_labels=RETRAINING.min_new_labels,
        )

    return draw


_ENOUGH = RETRAINING.min_new_labels

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("nothing", "the same photos", None, _in_world(UPRIGHT, n_labels=_ENOUGH)),
    Scenario("mix change", "T-shirts are rare", None, _another_mix({"t-shirt": 0.2})),
    Scenario("mix change", "shoes and trousers are frequent", None, _another_mix({"pants": 4, "shoes": 4})),
    Scenario(
        "regression of the champion",
        "trained on photos that lie on their sides",
        ("MODEL_REGRESSION", "ROLL_BACK"),
        _regressed("trained sideways", SIDEWAYS),
    ),
    Scenario(
        "regression of the champion",
        "trained on photos that stand on their heads",
        ("MODEL_REGRESSION", "ROLL_BACK"),
        _regressed("trained upside down", UPSIDE_DOWN),
    ),
    Scenario("regression of the champion", "its weights are damaged", ("MODEL_REGRESSION", "ROLL_BACK"), _damaged),
    Scenario(
        "drifted data",
        "turned, labels are in",
        ("DATA_DRIFT", "REQUEST_RETRAINING"),
        _in_world(TURNED, n_labels=_ENOUGH),
    ),
    Scenario("drifted data", "turned, without labels", ("DATA_DRIFT", "REQUEST_LABELS"), _in_world(TURNED)),
    Scenario(
        "concept drift",
        "T-shirts are shirts, labels are in",
        ("CONCEPT_DRIFT", "REQUEST_RETRAINING"),
        _confused(n_labels=_ENOUGH),
    ),
    Scenario(
        "concept drift", "T-shirts are shirts, few labels", ("CONCEPT_DRIFT", "REQUEST_LABELS"), _confused(n_labels=0)
    ),
    Scenario(
        "broken images",
        "noise",
        ("BROKEN_IMAGES", "ALERT"),
        _in_world((Shift("noise", 0.2),), n_labels=_ENOUGH),
    ),
    Scenario(
        "broken images",
        "darkness",
        ("BROKEN_IMAGES", "ALERT"),
        _in_world((Shift("darkness", 0.25),), n_labels=_ENOUGH),
    ),
    Scenario("broken images", "blur", ("BROKEN_IMAGES", "ALERT"), _in_world((Shift("blur", 4),), n_labels=_ENOUGH)),
    Scenario(
        "no previous version",
        "turned, labels are in",
        ("DATA_DRIFT", "REQUEST_RETRAINING"),
        _in_world(TURNED, n_labels=_ENOUGH, has_previous=False),
    ),
    Scenario(
        "no previous version",
        "trained on photos that lie on their sides",
        ("DATA_DRIFT", "REQUEST_LABELS"),
        _regressed("trained sideways", SIDEWAYS, has_previous=False),
    ),
    Scenario("too few", "the same photos", None, _too_few(UPRIGHT)),
    Scenario("too few", "turned", None, _too_few(TURNED)),
)
"""All of them. A shift that is judged here was chosen like those of `shifts.GRID`."""
