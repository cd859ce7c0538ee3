import json

import numpy as np
import pytest

from benchmarks.drift import evidently_default
from benchmarks.drift.digit_runs import CheckedWindow, SplitRuns
from benchmarks.drift.digits import alarm_row, seconds_row
from benchmarks.drift.false_alarms import Found, figures, two_of_three
from benchmarks.drift.intervals import cluster_interval, rate_percentile, ratio_interval
from benchmarks.drift.judging import Judged, is_right_on_harm, leaves_the_model_alone, tally, what_was_done
from benchmarks.drift.shifted_rows import estimates_row, harm_row, mild_row
from benchmarks.drift.shifted_windows import Trial
from benchmarks.drift.shifts import CLEAN, GRID, Shift, shift_all, statistics_of
from benchmarks.drift.table import Row, Value, mean_of, write
from benchmarks.drift.year import HOURS, Production, Year, simulate


def judged(*done, accuracy=0.5, estimate=0.6):
    estimates = {"DoC and ATC": estimate, "DoC": estimate, "ATC": estimate, "CBPE": estimate}
    return [
        Judged(
            verdict=verdict, action=action, accuracy=accuracy, estimates=estimates, is_trusted=True, is_harmless=False
        )
        for verdict, action in done
    ]


def trial(name, kind, windows):
    return Trial(name=name, kind=kind, judged=windows, expected=0.8, peer_alarms=True)


WAITS = ("DATA_DRIFT", "NONE")
STOPS = ("BROKEN_IMAGES", "ALERT")
ASKS = ("DATA_DRIFT", "REQUEST_LABELS")
RETRAINS = ("DATA_DRIFT", "REQUEST_RETRAINING")
ROLLS_BACK = ("MODEL_REGRESSION", "ROLL_BACK")


@pytest.mark.parametrize(
    ("kind", "done", "is_right"),
    [
        ("blur", [WAITS, STOPS, STOPS], True),
        ("rotation", [WAITS, STOPS, STOPS], False),
        ("rotation", [WAITS, WAITS, ASKS], True),
        ("noise", [RETRAINS], True),
        ("darkness", [ROLLS_BACK, RETRAINS], False),
        ("darkness", [STOPS, STOPS, ROLLS_BACK], False),
        ("jpeg", [WAITS, WAITS, WAITS], False),
        ("rotation", [("DATA_DRIFT", "ALERT")], False),
    ],
)
def test_what_is_done_first_about_harm_is_what_counts(kind, done, is_right):
    assert is_right_on_harm(kind, judged(*done)) is is_right


def test_to_ask_for_labels_or_to_stop_leaves_the_model_alone():
    assert leaves_the_model_alone(judged(ASKS, STOPS, WAITS))
    assert not leaves_the_model_alone(judged(WAITS, WAITS, RETRAINS))
    assert not leaves_the_model_alone(judged(ROLLS_BACK))


def test_what_was_done_is_counted_over_trials():
    assert what_was_done(judged(WAITS, ASKS, RETRAINS)) == ASKS
    assert tally([judged(WAITS), judged(ASKS), judged(WAITS, ASKS)]) == "DATA_DRIFT REQUEST_LABELS 2, nothing 1"


def test_a_shift_is_judged_by_what_it_costs():
    trials = {
        "blur 6": [trial("blur 6", "blur", judged(STOPS)), trial("blur 6", "blur", judged(WAITS, ROLLS_BACK))],
        "blur 1": [trial("blur 1", "blur", judged(STOPS)), trial("blur 1", "blur", judged(RETRAINS))],
        "blur 2": [trial("blur 2", "blur", judged(RETRAINS))] * 2,
        "mix: winter": [trial("mix: winter", None, judged(WAITS))] * 2,
    }
    falls = {"blur 6": 0.39, "blur 2": 0.08, "blur 1": 0.02}

    harm, mild = harm_row(trials, falls, seed=0), mild_row(trials, falls, seed=0)

    assert [(detail["shift"], detail["right"]) for detail in harm.details] == [("blur 6", "50.0%")]
    assert [(detail["shift"], detail["neither"]) for detail in mild.details] == [
        ("blur 1", "50.0%"),
        ("mix: winter", "100.0%"),
    ]
    assert (harm.values[0].value, mild.values[0].value) == (0.5, 0.75)


def test_the_error_of_estimates_is_shown_with_and_without_collapses():
    trials = {
        "blur 1": [trial("blur 1", "blur", judged(WAITS, accuracy=0.7, estimate=0.74))] * 2,
        "blur 6": [trial("blur 6", "blur", judged(STOPS, accuracy=0.3, estimate=0.5))] * 2,
    }

    values = {value.name: value for value in estimates_row(trials, seed=0).values}

    assert values["DoC and ATC: falls of 25 points or less"].value == pytest.approx(0.04)
    assert values["DoC and ATC: all windows"].value == pytest.approx(0.12)
    assert values["collapses that are reported as harmless"].n == 2
    assert values["collapses that are reported as harmless"].is_reached
    assert values["ATC: all windows"].is_reached is None


def test_runs_on_digits_are_counted_by_kind():
    def checked(kind, verdict, *, seconds, is_first=False):
        return CheckedWindow(kind=kind, is_first=is_first, verdict=verdict, n_images=200, seconds=seconds)

    windows = (
        checked("clean", "STABLE", seconds=3.0, is_first=True),
        checked("turned", "BROKEN_IMAGES", seconds=0.5),
        checked("clean", "MIX_CHANGED", seconds=0.7),
        checked("turned", "DATA_DRIFT", seconds=0.6),
        checked("partial", "INSUFFICIENT_DATA", seconds=0.2),
    )
    runs = [SplitRuns(split=0, accuracy=0.98, n_baseline=270, windows=windows)]

    assert [value.value for value in alarm_row(runs).values] == [0, 2]
    assert [value.value for value in seconds_row(runs).values] == [3.0, 0.6, 0.2]


def test_an_interval_over_baselines_is_wider_than_one_over_windows():
    of_baselines = np.repeat(np.array([[0.0], [1.0]] * 20), 50, axis=1)

    low, high = cluster_interval(of_baselines, seed=0)

    assert high - low > 0.25  # 40 baselines; of 2,000 windows it would be 0.04
    assert low < 0.5 < high


def test_where_nothing_ever_alarmed_the_rate_is_still_not_known_to_be_zero():
    assert cluster_interval(np.zeros((100, 6)), seed=0) == (0.0, pytest.approx(0.036, abs=0.001))
    assert cluster_interval(np.ones((100, 6)), seed=0) == (pytest.approx(0.964, abs=0.001), 1.0)


def test_an_interval_of_some_windows_leaves_out_the_others():
    values = np.tile([[0.1, 0.9], [0.3, 0.9]], (50, 1))

    low, high = ratio_interval(values, values < 0.5, seed=0)

    assert 0.15 < low < 0.2 < high < 0.25


def test_the_percentile_of_rates_tells_unlucky_baselines_from_unlucky_windows():
    rng = np.random.default_rng(0)
    alike = rng.random((2_000, 6)) < 0.02
    rates = rng.beta(0.2, 9.8, (2_000, 1))  # 0.02 on average, 0.11 for one in twenty
    apart = rng.random((2_000, 6)) < rates

    assert rate_percentile(alike.astype(float)) < 0.05
    assert rate_percentile(apart.astype(float)) == pytest.approx(0.114, abs=0.04)


def test_two_of_three_windows_in_a_row_alarm():
    alarms = np.array([[1, 0, 1, 0, 0, 1], [0, 0, 1, 1, 0, 0]], dtype=float)

    assert two_of_three(alarms).tolist() == [[1, 0], [0, 0]]


def test_false_alarms_are_counted_by_rule():
    quiet = Found(speaking=(), acts=False, peer_alarms=True)
    loud = Found(speaking=("images", "features"), acts=True, peer_alarms=True)

    values = {value.name: value.value for value in figures([[quiet, loud, loud], [quiet] * 3], n_images=50, seed=0)}

    assert values["n = 50: a signal speaks"] == pytest.approx(1 / 3)
    assert values["n = 50: in 2 of 3 windows"] == 0.5
    assert values["n = 50: Evidently's default of 0.1"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_peer_is_what_evidently_computes(seed):
    # seconds that no other test here needs
    import pandas
    from evidently.legacy.calculations.stattests import jensenshannon_stat_test, wasserstein_stat_test
    from evidently.legacy.core import ColumnType

    rng = np.random.default_rng(seed)
    confidences = rng.beta(9, 1.2, 350), rng.beta(7, 1.2, 200)
    classes = rng.integers(0, 10, 350), rng.integers(0, 9, 200)

    def theirs(test, samples, kind):
        reference, current = map(pandas.Series, samples)
        return test.func(reference, current, kind, 0.1)[0]

    assert evidently_default.wasserstein(*confidences) == pytest.approx(
        theirs(wasserstein_stat_test, confidences, ColumnType.Numerical)
    )
    assert evidently_default.jensen_shannon(*classes) == pytest.approx(
        theirs(jensenshannon_stat_test, classes, ColumnType.Categorical)
    )
    assert wasserstein_stat_test.default_threshold == jensenshannon_stat_test.default_threshold
    assert wasserstein_stat_test.default_threshold == evidently_default.THRESHOLD


@pytest.fixture(scope="module")
def photos():
    rng = np.random.default_rng(0)
    ramp = np.linspace(40, 220, 96)
    return np.stack([np.clip(ramp[:, None, None] + rng.normal(0, 8, (96, 96, 3)), 0, 255).astype(np.uint8)] * 2)


@pytest.mark.parametrize("shift", GRID, ids=lambda shift: shift.name)
def test_a_shift_changes_every_photo_and_always_in_the_same_way(photos, shift):
    shifted = shift_all(photos, [shift])

    assert shifted.shape == photos.shape
    assert shifted.dtype == np.uint8
    assert (shifted != photos).any(axis=(1, 2, 3)).all()
    assert (shift_all(photos, [shift]) == shifted).all()


def test_shifts_do_to_photos_what_they_are_called(photos):
    sizes = np.array([[400, 600], [600, 400]])

    def mean_statistics(shift):
        return statistics_of(shift_all(photos, [shift]), sizes).mean(axis=0)

    _, _, brightness, _, sharpness = mean_statistics(CLEAN)
    assert mean_statistics(Shift("darkness", 0.5))[2] == pytest.approx(brightness / 2, rel=0.02)
    assert mean_statistics(Shift("blur", 2))[4] < sharpness / 10
    assert mean_statistics(Shift("noise", 0.2))[4] > 10 * sharpness
    assert mean_statistics(CLEAN)[:2].tolist() == [400, 600]


def test_a_row_that_was_left_out_keeps_its_last_figures(tmp_path):
    target = tmp_path / "drift.json"
    alarms = np.zeros((20, 3))
    first = Row(measure="alarms", values=(mean_of("all", alarms, seed=0, reach=0.02),), details=({"n": "50"},))
    slow = Row(measure="seconds", values=(Value(name="a check", value=0.3, unit="s", reach=0.2),), note="two cores")
    write([first, slow], target, measures=["alarms", "seconds"])

    write(
        [Row(measure="seconds", values=(Value(name="a check", value=0.1, unit="s", reach=0.2),))],
        target,
        measures=["alarms", "seconds"],
    )

    rows = {row["measure"]: row for row in json.loads(target.read_text())}
    assert rows["alarms"]["values"][0]["high"] > 0
    assert [rows[name]["values"][0]["is_reached"] for name in ("alarms", "seconds")] == [True, True]
    table = target.with_suffix(".md").read_text()
    assert "| alarms | all | 0.0% | 0.0% to 16.8% | ≤ 2.0% | yes | 60 |" in table
    assert "**no**" not in table


class _AlwaysAlarms:
    """Windows on which the peer alarms every hour, and a champion that fits no world but the first."""

    def peer_alarms(self, *_window):
        return True

    def is_wrong(self, network, world):
        return (network, world[0].kind) == ("champion", "rotation")


@pytest.mark.parametrize(
    ("policy", "retrainings"), [("Evidently at 0.1", HOURS), ("Evidently at 0.1, once a day", 365)]
)
def test_a_policy_that_retrains_on_every_alarm_retrains_all_year(policy, retrainings):
    year = simulate(policy, _AlwaysAlarms(), seed=(0,))

    assert isinstance(year, Year)
    assert year.alarms == HOURS
    assert year.retrainings == pytest.approx(retrainings, rel=0.01)
    assert year.in_vain >= year.retrainings - 3
    assert 72 <= year.wrong_hours <= 120  # until the labels of the first change were in, and trained on


def test_a_broken_camera_is_repaired_sooner_if_somebody_is_told():
    told, untold = Production(), Production()
    breaks = next(hour for hour in range(HOURS) if untold.world(hour)[-1].kind == "noise")

    told.told_broken(breaks + 1)

    assert told.world(breaks)[-1].kind == "noise"
    assert told.is_told(breaks + 2)
    assert not untold.is_told(breaks + 2)
    assert told.world(breaks + 49)[-1].kind == "rotation"
    assert untold.world(breaks + 49)[-1].kind == "noise"


def test_a_training_without_labels_of_the_world_is_in_vain():
    production = Production()
    turned = next(hour for hour in range(HOURS) if production.world(hour)[0].kind == "rotation")

    production.retrain(turned)
    production.end_training(turned + 1)
    assert (production.champion, production.in_vain) == ("champion", 1)

    assert production.asked_for_labels(turned)
    assert not production.asked_for_labels(turned + 1)
    assert production.n_new_labels(turned + 71) == 0
    assert production.n_new_labels(turned + 72) > 0
    production.retrain(turned + 72)
    production.end_training(turned + 73)
    assert production.champion == "knows turned images"
    assert production.n_new_labels(turned + 73) == 0
    production.roll_back()
    assert production.champion == "champion"
