"""Thresholds that fit the sizes of the samples."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from include.drift.statistics import thresholds
from include.drift.statistics.histograms import total_variations
from include.drift.statistics.thresholds import (
    MAX_RESAMPLES,
    Comparison,
    benjamini_hochberg,
    chance_of_as_many,
    compare,
    compare_classes,
    compare_confidences,
    smallest_shift,
    threshold_and_p_value,
)
from include.models.baseline import CONFIDENCE_EDGES, Baseline, count_confidences

CLASSES = ["a", "b", "c"]
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


def spread_out(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.beta(9, 1.2, n)


def nearly_all_sure(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """A good classifier of digits: 99 of 100 answers lie in the uppermost bin."""
    return np.where(rng.random(n) < 0.01, rng.uniform(0.4, 0.98, n), rng.uniform(0.999, 1, n))


def counted(confidences: Sequence[float] | NDArray[np.float64]) -> dict[str, tuple[int, ...]]:
    predicted = [CLASSES[place % 3] for place in range(len(confidences))]
    return count_confidences(confidences, predicted, classes=CLASSES)


def baseline_of(counts: dict[str, tuple[int, ...]]) -> Baseline:
    return Baseline(edges=CONFIDENCE_EDGES, counts_by_class=counts, image_statistics={})


@pytest.mark.parametrize("draw", [spread_out, nearly_all_sure])
@pytest.mark.parametrize("n_baseline", [270, 3000])
def test_without_drift_it_alarms_at_the_nominal_rate(
    draw: Draw, n_baseline: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thresholds, "N_RESAMPLES", 1000)  # the rate holds for any number of draws
    rng = np.random.default_rng(0)

    alarms = sum(
        compare_confidences(
            baseline_of(counted(draw(rng, n_baseline))),
            counted(draw(rng, 200)),
            false_alarm_rate=0.05,
            seed=number,
        ).differs
        for number in range(60)
    )

    # of 60 at 5 %, eight or fewer come with a probability of 99.7 %
    assert alarms <= 8


def test_a_drop_of_confidence_is_seen() -> None:
    rng = np.random.default_rng(0)
    baseline, window = rng.beta(9, 1.2, 500), rng.beta(9, 1.2, 200) - 0.06

    comparison = compare_confidences(baseline_of(counted(baseline)), counted(window), false_alarm_rate=0.01, seed=0)

    assert comparison.differs
    assert comparison.p_value < 0.001
    assert (comparison.n_images, comparison.n_baseline) == (200, 500)


def test_the_same_seed_gives_the_same_comparison_and_another_one_nearly_the_same() -> None:
    rng = np.random.default_rng(0)
    baseline, window = baseline_of(counted(rng.beta(9, 1.2, 500))), counted(rng.beta(9, 1.2, 200))

    first, again, another = (
        compare_confidences(baseline, window, false_alarm_rate=0.01, seed=seed) for seed in (1, 1, 2)
    )

    assert first == again
    assert first.distance == another.distance
    assert first.threshold == pytest.approx(another.threshold, rel=0.1)


def test_a_larger_window_has_a_lower_threshold() -> None:
    rng = np.random.default_rng(0)
    baseline = baseline_of(counted(rng.beta(9, 1.2, 5000)))

    thresholds = [
        compare_confidences(baseline, counted(rng.beta(9, 1.2, n)), false_alarm_rate=0.01, seed=0).threshold
        for n in (50, 200, 1000)
    ]

    # 0.41, 0.18 and 0.09 were measured by resampling one side of raw values
    assert thresholds == pytest.approx([0.4, 0.19, 0.1], rel=0.25)


@pytest.mark.parametrize("rate", [0.00001, 0.0001, 0.01, 0.2])
def test_what_exceeds_the_threshold_has_a_p_value_of_at_most_the_rate(rate: float) -> None:
    for n_other in range(30):
        comparison = compare(
            [50, 50], [25 - n_other // 2, 25 + n_other], total_variations, false_alarm_rate=rate, seed=0
        )

        assert 0 < comparison.p_value <= 1
        assert comparison.p_value <= rate or not comparison.differs


def test_a_distance_on_the_threshold_is_no_difference() -> None:
    comparison = Comparison(distance=0.2, threshold=0.2, p_value=0.01, n_images=1, n_baseline=1)

    assert not comparison.differs


def test_answers_that_are_all_alike_do_not_differ() -> None:
    alike = counted([0.9999] * 270)

    comparison = compare_confidences(baseline_of(alike), counted([0.9999] * 200), false_alarm_rate=0.01, seed=0)

    assert (comparison.distance, comparison.threshold, comparison.p_value) == (0, 0, 1)
    assert not comparison.differs


def test_a_baseline_in_one_bin_and_a_window_in_another_differ() -> None:
    comparison = compare_confidences(
        baseline_of(counted([0.9999] * 270)), counted([0.5] * 200), false_alarm_rate=0.01, seed=0
    )

    assert comparison.differs
    assert np.isfinite([comparison.distance, comparison.threshold]).all()


def test_a_window_of_one_class_differs_from_a_baseline_of_three() -> None:
    window = count_confidences([0.9] * 200, ["b"] * 200, classes=CLASSES)

    comparison = compare_classes(baseline_of(counted([0.9] * 300)), window, false_alarm_rate=0.01, seed=0)

    assert comparison.differs
    assert comparison.distance == pytest.approx(2 / 3)


def test_one_class_on_both_sides_does_not_differ() -> None:
    one = count_confidences([0.9] * 200, ["b"] * 200, classes=CLASSES)

    comparison = compare_classes(baseline_of(one), one, false_alarm_rate=0.01, seed=0)

    assert not comparison.differs
    assert comparison.p_value == 1


def test_a_class_that_the_baseline_has_not_is_counted() -> None:
    window = counted([0.9] * 150) | {"unheard of": (50, *(0 for _ in CONFIDENCE_EDGES[2:]))}

    comparison = compare_classes(baseline_of(counted([0.9] * 300)), window, false_alarm_rate=0.01, seed=0)

    assert comparison.distance == pytest.approx(0.25)
    assert comparison.n_images == 200


def test_what_it_takes_does_not_depend_on_the_number_of_answers() -> None:
    million = [1_000_000 * n for n in range(1, 64)]

    comparison = compare_confidences(
        baseline_of({"a": tuple(million)}), {"a": tuple(million)}, false_alarm_rate=0.01, seed=0
    )

    assert comparison.n_images == sum(million)
    assert 0 < comparison.threshold < 0.001


def test_a_baseline_that_holds_nothing_cannot_be_compared_with() -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        compare_confidences(baseline_of(counted([])), counted([0.5]), false_alarm_rate=0.01, seed=0)


def test_a_rate_that_would_need_too_many_draws_has_a_threshold_beyond_the_drawn_ones() -> None:
    rng = np.random.default_rng(0)
    drawn = np.abs(rng.normal(0, 1, MAX_RESAMPLES))
    true_quantile = 4.4172  # of the absolute value of a normal variable, at 1 - 0.00001

    threshold, p_value = threshold_and_p_value(5.5, drawn, false_alarm_rate=0.00001)

    # higher than the true one, as a normal tail falls faster than an exponential one, but not out of reach
    assert true_quantile < threshold < 5.5
    assert 0 < p_value < 0.00001


def test_the_smallest_shift_is_seen_in_four_of_five_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds, "N_RESAMPLES", 1000)
    rng = np.random.default_rng(0)
    n_baseline, n_window, rate = 400, 150, 0.01

    def values(n: int) -> NDArray[np.float64]:
        return rng.beta(9, 1.2, n)

    baseline = baseline_of(counted(values(n_baseline)))
    threshold = compare_confidences(baseline, counted(values(n_window)), false_alarm_rate=rate, seed=0).threshold
    shift = smallest_shift(baseline.counts, CONFIDENCE_EDGES, n_images=n_window, threshold=threshold, seed=0)
    assert shift is not None
    fall = shift * float(np.std(values(100_000)))

    seen = [
        compare_confidences(
            baseline_of(counted(values(n_baseline))),
            counted(np.clip(values(n_window) - fall, 0, 1)),
            false_alarm_rate=rate,
            seed=number,
        ).differs
        for number in range(60)
    ]

    # 48 of 60 are expected; the threshold of one check stands for those of all
    assert 40 <= sum(seen) <= 56


def test_a_larger_window_shows_smaller_shifts_but_none_below_the_floor() -> None:
    rng = np.random.default_rng(0)
    baseline = baseline_of(counted(rng.beta(9, 1.2, 5000)))

    def shift(n: int, threshold: float) -> float:
        found = smallest_shift(baseline.counts, CONFIDENCE_EDGES, n_images=n, threshold=threshold, seed=0)
        assert found is not None
        return found

    # thresholds as they were measured for windows of 50, 200 and 1000
    assert shift(50, 0.41) > shift(200, 0.18) > shift(1000, 0.09)
    assert shift(1_000_000, 0.3) == pytest.approx(0.3, rel=0.2)


def test_a_shift_that_a_window_cannot_show_has_no_size() -> None:
    at_the_lowest = counted([0.001] * 300)["a"]

    assert smallest_shift(at_the_lowest, CONFIDENCE_EDGES, n_images=30, threshold=0.1, seed=0) is None


@pytest.mark.parametrize("hits", [(0, 9, 0, 5), (20, 220, 4, 64), (60, 220, 4, 64), (3, 3, 0, 40), (2, 9, 30, 30)])
def test_the_chance_of_as_many_hits_is_scipys_exact_test(hits: tuple[int, int, int, int]) -> None:
    n_hits, n, n_hits_baseline, n_baseline = hits
    table = [[n_hits, n - n_hits], [n_hits_baseline, n_baseline - n_hits_baseline]]

    assert chance_of_as_many(*hits) == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-9)


def test_benjamini_hochberg_corrects_for_the_number_of_tests() -> None:
    # the example of their paper (1995, section 3.2): 15 tests at 0.05, of which four are rejected
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p_values += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]

    assert benjamini_hochberg(p_values, rate=0.05) == [True] * 4 + [False] * 11
    assert benjamini_hochberg(p_values[::-1], rate=0.05) == [False] * 11 + [True] * 4
    assert benjamini_hochberg([], rate=0.05) == []
