"""Thresholds that fit the sizes of the samples."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from include.drift.histograms import total_variations
from include.drift.thresholds import Comparison, compare, compare_classes, compare_confidences
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
def test_without_drift_it_alarms_at_the_nominal_rate(draw: Draw, n_baseline: int) -> None:
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


@pytest.mark.parametrize("rate", [0.0001, 0.01, 0.2])
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
