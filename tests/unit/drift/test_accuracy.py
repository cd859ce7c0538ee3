"""The accuracy on a window, estimated and measured."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from given_windows import CLASSES, answers, baseline_of, window_of
from scipy.stats import binomtest

from include.drift.statistics.accuracy import METHODS, MIN_LABELS, Accuracy, Estimate, Realised, estimate_accuracy
from include.models.baseline import CONFIDENCE_EDGES, Baseline, count_confidences


def estimated(baseline: Baseline, window: Mapping[str, Sequence[int]]) -> Accuracy:
    accuracy = estimate_accuracy(baseline, window)
    assert accuracy is not None
    return accuracy


def value_of(method: str, baseline: Baseline, window: Mapping[str, Sequence[int]]) -> float:
    (estimate,) = [one for one in estimated(baseline, window).estimates if one.method == method]
    return estimate.value


def in_one_class(confidences: Sequence[float]) -> dict[str, tuple[int, ...]]:
    return count_confidences(confidences, ["a"] * len(confidences), classes=["a"])


def baseline_with(confidences: Sequence[float], right: Sequence[float]) -> Baseline:
    return Baseline(
        edges=CONFIDENCE_EDGES,
        counts_by_class=in_one_class(confidences),
        image_statistics={},
        right_by_class=in_one_class(right),
    )


def decided_by(value: float, half: float, *, expected: float = 0.8, realised: Realised | None = None) -> Accuracy:
    estimate = Estimate(method="DoC", value=value, low=value - half, high=value + half)
    return Accuracy(baseline=0.8, expected=expected, estimates=(estimate,), realised=realised)


def test_without_a_shift_the_intervals_hold_the_accuracy_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    true_accuracy = answers(rng, 100_000).accuracy
    n_repetitions = 300

    inside = dict.fromkeys(METHODS, 0)
    for _ in range(n_repetitions):
        accuracy = estimated(baseline_of(answers(rng, 350)), window_of(answers(rng, 200)).counts_by_class)
        for estimate in accuracy.estimates:
            inside[estimate.method] += estimate.low <= true_accuracy <= estimate.high

    # of 300 at 95 %, 273 to 295 come with a probability of 99.8 %; a wider interval would be no harm
    assert {method: n >= 273 for method, n in inside.items()} == dict.fromkeys(METHODS, True), inside


def test_each_estimate_follows_a_fall_of_accuracy() -> None:
    rng = np.random.default_rng(1)
    new = answers(rng, 3000, faded=0.3)

    accuracy = estimated(baseline_of(answers(rng, 3000)), window_of(new).counts_by_class)

    assert new.accuracy < accuracy.baseline - 0.1
    assert [one.method for one in accuracy.estimates] == list(METHODS)
    # less far than the accuracy: confidences stay too high where images get harder
    assert all(new.accuracy - 0.05 < one.value < accuracy.baseline - 0.05 for one in accuracy.estimates)
    assert accuracy.has_dropped(0.06)


def test_on_its_own_baseline_each_estimate_is_the_accuracy() -> None:
    held_out = answers(np.random.default_rng(2), 350)
    baseline = baseline_of(held_out)

    accuracy = estimated(baseline, baseline.counts_by_class)

    assert accuracy.baseline == pytest.approx(held_out.accuracy)
    assert [one.value for one in accuracy.estimates] == pytest.approx([held_out.accuracy] * len(METHODS))
    assert accuracy.drop == pytest.approx(0)


def test_the_mean_of_two_estimates_decides() -> None:
    rng = np.random.default_rng(4)
    accuracy = estimated(baseline_of(answers(rng, 350)), window_of(answers(rng, 200, faded=0.3)).counts_by_class)

    decides, doc, atc, _ = accuracy.estimates

    assert accuracy.value == decides.value == pytest.approx((doc.value + atc.value) / 2)
    assert (decides.low, decides.high) == pytest.approx(((doc.low + atc.low) / 2, (doc.high + atc.high) / 2))
    assert doc.value != pytest.approx(atc.value, abs=0.01), "else it would not matter which one decides"


def test_the_threshold_of_atc_lies_within_a_bin() -> None:
    # four of ten are right, and all ten confidences lie in one bin: its upper four tenths are above the threshold
    baseline = baseline_with([0.91] * 10, [0.91] * 4)

    values = [
        value_of("ATC", baseline, in_one_class(window))
        for window in ([0.91] * 5, [0.99] * 5, [0.5] * 5, [0.99] * 2 + [0.91] * 2)
    ]

    assert values == pytest.approx([0.4, 1, 0, 0.7])


def test_where_all_were_right_a_confidence_below_all_of_theirs_is_not_taken_for_right() -> None:
    baseline = baseline_with([0.91] * 20 + [0.97] * 20, [0.91] * 20 + [0.97] * 20)

    windows = ([0.91] * 10, [0.99] * 10, [0.5] * 10, [0.5] * 5 + [0.97] * 5)

    assert [value_of("ATC", baseline, in_one_class(window)) for window in windows] == pytest.approx([1, 1, 0, 0.5])


def test_cbpe_calibrates_with_accuracies_that_rise_with_confidence() -> None:
    # 0.5: 1 of 4, 0.7: none of 4, 0.95: 3 of 4. The first two violate the order and are pooled: 1 of 8.
    baseline = baseline_with([0.5] * 4 + [0.7] * 4 + [0.95] * 4, [0.5] + [0.95] * 3)

    values = [value_of("CBPE", baseline, in_one_class([one])) for one in (0.1, 0.5, 0.7, 0.95, 0.999)]

    assert values == pytest.approx([1 / 8, 1 / 8, 1 / 8, 3 / 4, 3 / 4])


@pytest.mark.parametrize(("right", "accuracy"), [([1.0] * 40, 1.0), ([], 0.0), ([1.0] * 10, 0.25)])
def test_confidences_that_are_all_one_are_defined(right: list[float], accuracy: float) -> None:
    known = estimated(baseline_with([1.0] * 40, right), in_one_class([1.0] * 20))

    assert known.baseline == accuracy
    for estimate in known.estimates:
        assert estimate.value == pytest.approx(accuracy)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        assert estimate.high - estimate.low > 0.05, "forty images that were all right are not sure to be so"
    assert not known.has_dropped(0.06)


def test_a_class_that_the_baseline_does_not_know_counts_by_its_confidences() -> None:
    rng = np.random.default_rng(3)
    window = dict(window_of(answers(rng, 200)).counts_by_class)
    renamed = {"unheard of" if label == CLASSES[0] else label: counts for label, counts in window.items()}
    baseline = baseline_of(answers(rng, 350))

    assert estimated(baseline, renamed) == estimated(baseline, window)


def test_a_baseline_that_does_not_know_what_was_right_has_no_accuracy() -> None:
    baseline = Baseline(edges=CONFIDENCE_EDGES, counts_by_class=in_one_class([0.9]), image_statistics={})

    assert estimate_accuracy(baseline, in_one_class([0.9])) is None


def test_nothing_has_no_accuracy() -> None:
    baseline = baseline_with([0.9], [0.9])

    with pytest.raises(ValueError, match="holds nothing"):
        estimate_accuracy(baseline, in_one_class([]))
    with pytest.raises(ValueError, match="holds nothing"):
        estimate_accuracy(baseline_with([], []), in_one_class([0.9]))
    with pytest.raises(ValueError, match="more answers were right than it holds"):
        estimate_accuracy(baseline_with([0.9], [0.9, 0.9]), in_one_class([0.9]))


@pytest.mark.parametrize(("n", "n_right"), [(30, 0), (30, 30), (200, 140), (1, 1)])
def test_the_interval_of_labels_is_scipys_wilson_interval(n: int, n_right: int) -> None:
    low, high = Realised(n_images=n, n_right=n_right).interval

    expected = binomtest(n_right, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-6)


@pytest.mark.parametrize(("n", "n_right"), [(0, 0), (10, 11), (10, -1)])
def test_labels_that_cannot_be_are_refused(n: int, n_right: int) -> None:
    with pytest.raises(ValueError, match="cannot have been answered rightly"):
        Realised(n_images=n, n_right=n_right)


def test_a_fall_counts_from_the_least_one_that_matters_and_beyond_its_interval() -> None:
    assert decided_by(0.70, 0.05).has_dropped(0.06)
    assert not decided_by(0.75, 0.01).has_dropped(0.06)  # too small
    assert not decided_by(0.70, 0.12).has_dropped(0.06)  # chance
    assert not decided_by(0.70, 0.05, expected=0.72).has_dropped(0.06)  # the mix explains it
    assert not decided_by(0.90, 0.05).has_dropped(0.06)


def test_enough_labels_win_over_the_estimate() -> None:
    fallen = Realised(n_images=100, n_right=50)

    accuracy = decided_by(0.80, 0.05, realised=fallen)

    assert accuracy.value == 0.5
    assert accuracy.drop == pytest.approx(0.3)
    assert accuracy.has_dropped(0.06)
    few = Realised(n_images=MIN_LABELS - 1, n_right=10)
    assert decided_by(0.80, 0.05, realised=few).value == 0.80


def test_labels_win_over_the_distrust_of_estimates() -> None:
    estimate = Estimate(method="DoC", value=0.8, low=0.75, high=0.85)

    def strange(realised: Realised | None) -> Accuracy:
        return Accuracy(baseline=0.8, expected=0.8, estimates=(estimate,), realised=realised, is_trusted=False)

    assert strange(None).has_dropped(0.06)
    assert not strange(Realised(n_images=100, n_right=79)).has_dropped(0.06)


def test_a_few_held_out_images_that_were_all_right_do_not_make_two_wrong_answers_a_fall() -> None:
    def known(n_held_out: int) -> Accuracy:
        baseline = baseline_with([0.99] * n_held_out, [0.99] * n_held_out)
        labels = Realised(n_images=30, n_right=28)
        accuracy = estimate_accuracy(baseline, in_one_class([0.99] * 60), realised=labels)
        assert accuracy is not None
        return accuracy

    assert known(20).drop == known(1000).drop == pytest.approx(2 / 30)
    assert not known(20).has_dropped(0.06)
    assert known(1000).has_dropped(0.06)


def test_labels_of_the_same_accuracy_show_no_fall_more_often_than_chance_has_it() -> None:
    rng = np.random.default_rng(4)
    n_repetitions, dropped, covered = 400, 0, 0
    for _ in range(n_repetitions):
        expected = rng.binomial(350, 0.8) / 350
        accuracy = Accuracy(
            baseline=expected,
            expected=expected,
            estimates=(),
            realised=Realised(n_images=100, n_right=int(rng.binomial(100, 0.8))),
            expected_error=float(np.sqrt(expected * (1 - expected) / 350)),
        )
        dropped += accuracy.has_dropped(0.0)
        low, high = accuracy.drop_interval
        covered += low <= 0 <= high

    # one side of 95 %: 10 of 400; 20 or more come with a probability of 0.3 %
    assert dropped < 20
    assert covered >= 366
