"""Three rows from the same windows: what is done where it matters, and where it does not, and estimated accuracies."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.intervals import ratio_interval
from benchmarks.drift.judging import is_right_on_harm, leaves_the_model_alone, tally
from benchmarks.drift.networks import UPRIGHT, Recordings
from benchmarks.drift.shifted_windows import N_IMAGES, SHIFTS, Trial, trial
from benchmarks.drift.shifts import CLEAN, Shift
from benchmarks.drift.table import Row, Value, mean_of
from benchmarks.drift.trials import run_trials
from benchmarks.drift.versions import N_BASELINE
from include.drift.statistics.accuracy import METHODS, Method

ON_HARM = "right action where the true accuracy fell by 10 points or more"
ON_MILD = "no retraining and no rollback where the true accuracy fell by less than 3 points"
ON_ESTIMATES = "error of the estimated accuracy"

_HARM = 0.10
_MILD = 0.03
_COLLAPSE = 0.25
_REACH = 0.95
_REACH_ERROR = 0.05
_REACH_ERROR_OF_ALL = 0.12
DECIDES: Method = METHODS[0]
"""The estimate that the product goes by."""

Trials = Mapping[str, Sequence[Trial]]
"""Of each shift and each mix, by name, a trial for each baseline."""


def rows(pool: ProcessPoolExecutor, known: Recordings, *, n_baselines: int, seed: int) -> list[Row]:
    """Return the three rows of the table.

    Args:
        pool: Where the trials run.
        known: All answers: they say how far the true accuracy falls.
        n_baselines: How many trials there are of each shift.
        seed: Of the draws.
    """
    drawn = run_trials(pool, trial, n_baselines, seed=(seed, 2))
    trials = {of_name[0].name: list(of_name) for of_name in zip(*drawn, strict=True)}
    falls = {shift.name: fall_of(known, shift) for shift in SHIFTS}
    return [
        harm_row(trials, falls, seed=seed),
        mild_row(trials, falls, seed=seed),
        estimates_row({name: trials[name] for name in falls}, seed=seed),
    ]


def fall_of(known: Recordings, shift: Shift) -> float:
    """Return how far the champion's accuracy on all held-out photos falls under a shift."""
    return known.accuracy("champion", UPRIGHT) - known.accuracy("champion", (shift,))


def harm_row(trials: Trials, falls: Mapping[str, float], *, seed: int) -> Row:
    """Return the row on the shifts that harm, by how far the true accuracy falls under each."""
    judged = {name: trials[name] for name, fall in falls.items() if fall >= _HARM}
    right = _shares(judged, lambda one: one.kind is not None and is_right_on_harm(one.kind, one.judged))
    at_first = _shares(judged, lambda one: one.judged[0].action != "NONE")
    rolled_back = _shares(judged, lambda one: any(window.action == "ROLL_BACK" for window in one.judged))
    return Row(
        measure=ON_HARM,
        values=(
            mean_of("right by the third window", _columns(right), seed=seed, reach=_REACH, better="higher"),
            mean_of("something is done at the first window", _columns(at_first), seed=seed, better="higher"),
            mean_of("rolled back", _columns(rolled_back), seed=seed),
        ),
        note=f"{_note(judged)}. What was done first",
        details=tuple(
            {
                "shift": name,
                "accuracy falls by": _points(falls[name]),
                "right": f"{right[name].mean():.1%}",
                "done at the first window": f"{at_first[name].mean():.0%}",
                "done": tally([one.judged for one in of_name]),
            }
            for name, of_name in judged.items()
        ),
    )


def mild_row(trials: Trials, falls: Mapping[str, float], *, seed: int) -> Row:
    """Return the row on what should cost no retraining: mild shifts, and other mixes of classes."""
    mild = [name for name, fall in falls.items() if fall < _MILD and name != CLEAN.name]
    mixes = [name for name in trials if name not in falls]
    judged = {name: trials[name] for name in (*mild, *mixes)}
    alone = _shares(judged, lambda one: leaves_the_model_alone(one.judged))
    peer = _shares(judged, lambda one: not one.peer_alarms)
    return Row(
        measure=ON_MILD,
        values=(
            mean_of("neither in three windows", _columns(alone), seed=seed, reach=_REACH, better="higher"),
            mean_of("Evidently's default of 0.1: no alarm", _columns(peer), seed=seed, better="higher"),
        ),
        note=f"{_note(judged)}. Labels for a retraining are in. What was done first",
        details=tuple(
            {
                "shift": name,
                "accuracy falls by": _points(falls[name] if name in falls else _mean_fall(of_name)),
                "neither": f"{alone[name].mean():.1%}",
                "Evidently: no alarm": f"{peer[name].mean():.0%}",
                "done": tally([one.judged for one in of_name]),
            }
            for name, of_name in judged.items()
        ),
    )


def estimates_row(trials: Trials, *, seed: int) -> Row:
    """Return the row on estimated accuracies, of the first window of each trial, whatever the shift."""
    errors = {method: _errors(trials, method) for method in METHODS}
    accuracies = _columns(_shares(trials, lambda one: one.judged[0].accuracy))
    fell_by = _columns(_shares(trials, lambda one: one.expected - one.judged[0].accuracy))
    harmless = _columns(_shares(trials, lambda one: one.judged[0].is_harmless))
    values: list[Value] = []
    for method in METHODS:
        of_some = _mean_where(f"{method}: falls of 25 points or less", errors[method], fell_by <= _COLLAPSE, seed=seed)
        of_all = mean_of(f"{method}: all windows", errors[method], seed=seed)
        reaches = (_REACH_ERROR, _REACH_ERROR_OF_ALL) if method == DECIDES else (None, None)
        for value, reach in zip((of_some, of_all), reaches, strict=True):
            values.append(replace(value, unit="points", reach=reach))
    reported = _mean_where("collapses that are reported as harmless", harmless, fell_by >= _COLLAPSE, seed=seed)
    values.append(replace(reported, reach=0.0))
    return Row(
        measure=ON_ESTIMATES,
        values=tuple(values),
        note=f"{_note(trials)}, the first window of each; the error is the absolute one. Means",
        details=tuple(
            {
                "shift": name,
                "accuracy": f"{accuracies[:, place].mean():.3f}",
                **{method: f"{_estimates(of_name, method).mean():.3f}" for method in METHODS},
                f"error of {DECIDES}": _points(float(errors[DECIDES][:, place].mean())),
                "not trusted": f"{np.mean([not one.judged[0].is_trusted for one in of_name]):.0%}",
                "reported as harmless": f"{harmless[:, place].mean():.0%}",
            }
            for place, (name, of_name) in enumerate(trials.items())
        ),
    )


def _shares(trials: Trials, of_trial: Callable[[Trial], float]) -> dict[str, NDArray[np.float64]]:
    """Return a number of each trial, by name, [n_baselines]."""
    return {name: np.array([of_trial(one) for one in of_name], dtype=np.float64) for name, of_name in trials.items()}


def _columns(by_name: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return [n_baselines, n_names]."""
    return np.stack(list(by_name.values()), axis=1)


def _estimates(of_name: Sequence[Trial], method: Method) -> NDArray[np.float64]:
    return np.array([one.judged[0].estimates[method] for one in of_name])


def _errors(trials: Trials, method: Method) -> NDArray[np.float64]:
    return _columns(_shares(trials, lambda one: abs(one.judged[0].estimates[method] - one.judged[0].accuracy)))


def _mean_where(name: str, values: NDArray[np.float64], counts: NDArray[np.bool_], *, seed: int) -> Value:
    """Return the mean over some of the windows, [n_baselines, n_windows]."""
    low, high = ratio_interval(values, counts, seed=seed)
    return Value(name=name, value=float(values[counts].mean()), low=low, high=high, n=int(counts.sum()))


def _mean_fall(of_name: Sequence[Trial]) -> float:
    return float(np.mean([one.expected - window.accuracy for one in of_name for window in one.judged]))


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _note(trials: Trials) -> str:
    n_baselines = len(next(iter(trials.values())))
    return (
        f"{n_baselines} baselines of {N_BASELINE} held-out photos, windows of {N_IMAGES} of the others, {len(trials)} "
        f"shifts that weigh the same"
    )
