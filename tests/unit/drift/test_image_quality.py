"""Broken images, and such as only look different."""

import time
from collections.abc import Mapping

import numpy as np
import pytest
from given_windows import LOOK, answers, baseline_of, binned, window_of
from scipy.stats import fisher_exact

from include.config_parts import DriftConfig
from include.drift.statistics.image_quality import ImageJump, compare_images, find_jumps
from include.drift.statistics.window import WindowCounts
from include.models.baseline import STATISTIC_EDGES, Baseline, Histogram

DRIFT = DriftConfig()
BASELINE = baseline_of(answers(np.random.default_rng(0), 350), n_undecodable=3)


def window_with(n: int = 200, *, n_undecodable: int = 0, seed: int = 1, **look: float) -> WindowCounts:
    return window_of(answers(np.random.default_rng(seed), n, look=LOOK | look), n_undecodable=n_undecodable)


def jumps_of(
    window: WindowCounts, *, baseline: Baseline = BASELINE, accepted: tuple[Mapping[str, Histogram], ...] = ()
) -> tuple[ImageJump, ...]:
    compared = compare_images(baseline, window, drift=DRIFT, seed=0)
    return find_jumps(baseline, window, compared, drift=DRIFT, accepted=accepted)


def look_of(window: WindowCounts) -> dict[str, Histogram]:
    return {
        name: Histogram(edges=STATISTIC_EDGES[name], counts=counts) for name, counts in window.image_statistics.items()
    }


def all_alike(**values: float) -> Mapping[str, tuple[int, ...]]:
    return {name: binned(name, np.full(100, value)) for name, value in values.items()}


def baseline_that_looks(**values: float) -> Baseline:
    histograms = {
        name: Histogram(edges=STATISTIC_EDGES[name], counts=counts) for name, counts in all_alike(**values).items()
    }
    return Baseline(edges=BASELINE.edges, counts_by_class=BASELINE.counts_by_class, image_statistics=histograms)


def window_that_looks(**values: float) -> WindowCounts:
    return WindowCounts(counts_by_class=BASELINE.counts_by_class, image_statistics=all_alike(**values))


def test_images_as_they_were_have_not_jumped() -> None:
    compared = compare_images(BASELINE, window_with(), drift=DRIFT, seed=0)

    assert set(compared) == set(STATISTIC_EDGES)
    assert all(one.distance < 0.3 for one in compared.values())
    assert jumps_of(window_with()) == ()


def test_what_has_jumped_is_named_with_what_it_was_and_is_now() -> None:
    [jump] = jumps_of(window_with(brightness=0.15))

    assert jump.statistic == "brightness"
    assert (jump.before, jump.now) == (pytest.approx(0.5, abs=0.02), pytest.approx(0.15, abs=0.02))
    # 0.35 less, in standard deviations of 0.1
    assert jump.distance == pytest.approx(3.5, rel=0.15)


def test_the_largest_jump_comes_first() -> None:
    jumps = jumps_of(window_with(brightness=0.2, sharpness=LOOK["sharpness"] / 100))

    # 3 standard deviations, and log(100) / 0.8 = 5.8
    assert [jump.statistic for jump in jumps] == ["sharpness", "brightness"]


@pytest.mark.parametrize("statistic", ["short_side", "long_side", "sharpness"])
def test_a_factor_is_as_far_up_as_down(statistic: str) -> None:
    up, down = (
        compare_images(BASELINE, window_with(**{statistic: LOOK[statistic] * factor}), drift=DRIFT, seed=0)[statistic]
        for factor in (2, 1 / 2)
    )

    assert up.distance == pytest.approx(down.distance, rel=0.2)


def test_a_small_change_is_a_difference_and_no_jump() -> None:
    window = window_with(brightness=0.4)

    assert compare_images(BASELINE, window, drift=DRIFT, seed=0)["brightness"].differs
    assert jumps_of(window) == ()


@pytest.mark.parametrize(
    ("statistic", "before", "alike", "other"),
    [
        ("long_side", 96, 110, 192),
        ("short_side", 640, 600, 300),
        ("brightness", 0.95, 0.9, 0.5),
        ("contrast", 0.2, 0.22, 0.05),
        ("sharpness", 0.02, 0.03, 0.001),
    ],
)
def test_images_that_were_all_alike_have_a_sensible_unit(
    statistic: str, before: float, alike: float, other: float
) -> None:
    baseline = baseline_that_looks(**{statistic: before})

    assert jumps_of(window_that_looks(**{statistic: alike}), baseline=baseline) == ()
    [jump] = jumps_of(window_that_looks(**{statistic: other}), baseline=baseline)
    assert jump.statistic == statistic


def test_a_look_that_a_person_accepted_is_no_jump_and_another_one_still_is() -> None:
    accepted = look_of(window_with(brightness=0.1, seed=2))

    assert jumps_of(window_with(brightness=0.1), accepted=(accepted,)) == ()
    assert jumps_of(window_with(brightness=0.15), accepted=(accepted,)) == ()
    # brighter than before, and as dark as accepted but blurred besides
    assert [jump.statistic for jump in jumps_of(window_with(brightness=0.9), accepted=(accepted,))] == ["brightness"]
    blurred = window_with(brightness=0.1, sharpness=LOOK["sharpness"] / 100)
    assert {jump.statistic for jump in jumps_of(blurred, accepted=(accepted,))} == {"sharpness", "brightness"}


def test_each_of_several_accepted_looks_counts_by_itself() -> None:
    dark = look_of(window_with(brightness=0.1, seed=2))
    blurred = look_of(window_with(sharpness=LOOK["sharpness"] / 100, seed=2))

    assert jumps_of(window_with(sharpness=LOOK["sharpness"] / 100), accepted=(dark, blurred)) == ()
    both = window_with(brightness=0.1, sharpness=LOOK["sharpness"] / 100)
    assert len(jumps_of(both, accepted=(dark, blurred))) == 2


def test_many_more_images_that_cannot_be_decoded_are_a_jump() -> None:
    [jump] = jumps_of(window_with(n_undecodable=20))

    assert jump.statistic == "undecodable"
    assert (jump.before, jump.now) == (pytest.approx(3 / 353), pytest.approx(20 / 220))
    assert jump.distance == pytest.approx(20 / 220 - 3 / 353)


@pytest.mark.parametrize(
    ("n", "n_undecodable"),
    [
        (20, 4),  # too few images
        (200, 9),  # less than five points
    ],
)
def test_a_few_bad_files_are_no_jump(n: int, n_undecodable: int) -> None:
    assert jumps_of(window_with(n, n_undecodable=n_undecodable)) == ()


def test_as_many_bad_files_as_ever_are_no_jump() -> None:
    baseline = baseline_of(answers(np.random.default_rng(0), 60), n_undecodable=8)

    # 8 of 68, then 40 of 240: 4.9 points more; then 45 of 245: 6.6 points, which is chance
    assert jumps_of(window_with(n_undecodable=40), baseline=baseline) == ()
    assert jumps_of(window_with(n_undecodable=45), baseline=baseline) == ()


def test_files_that_cannot_be_decoded_jump_where_scipys_exact_test_says_so() -> None:
    drift = DriftConfig(min_image_jump=100)
    baseline = baseline_of(answers(np.random.default_rng(0), 60), n_undecodable=4)

    for n_undecodable in range(30, 80):
        window = window_with(n_undecodable=n_undecodable)
        p_value = fisher_exact([[n_undecodable, 200], [4, 60]], alternative="greater").pvalue
        rises = n_undecodable / (200 + n_undecodable) - 4 / 64 >= 0.05

        assert bool(find_jumps(baseline, window, {}, drift=drift)) == (rises and p_value <= 0.01 / 20), n_undecodable


def test_what_it_takes_does_not_depend_on_the_number_of_files_that_cannot_be_decoded() -> None:
    window = WindowCounts(
        counts_by_class={label: tuple(50_000 * n for n in of) for label, of in window_with().counts_by_class.items()},
        n_undecodable=3_000_000,
    )

    started = time.process_time()
    [jump] = jumps_of(window)

    # a few milliseconds; were each file a step, it would take seconds
    assert time.process_time() - started < 0.5
    assert jump.now == pytest.approx(3 / 13)


def test_an_accepted_look_does_not_make_up_for_files_that_cannot_be_decoded() -> None:
    window = window_with(n_undecodable=40)

    assert [jump.statistic for jump in jumps_of(window, accepted=(look_of(window),))] == ["undecodable"]


def test_what_one_side_does_not_know_is_left_out() -> None:
    old = Baseline(edges=BASELINE.edges, counts_by_class=BASELINE.counts_by_class, image_statistics={})

    assert compare_images(old, window_with(), drift=DRIFT, seed=0) == {}
    assert jumps_of(window_with(brightness=0.1), baseline=old) == ()
    unmeasured = WindowCounts(counts_by_class=BASELINE.counts_by_class)
    assert compare_images(BASELINE, unmeasured, drift=DRIFT, seed=0) == {}
