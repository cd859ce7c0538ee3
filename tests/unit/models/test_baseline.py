"""Answers as counts over fixed bins."""

from itertools import pairwise

import numpy as np
import pytest

from include.errors import ModelError
from include.images.statistics import measure
from include.models.baseline import (
    CONFIDENCE_EDGES,
    MAX_FEATURES,
    STATISTIC_EDGES,
    Baseline,
    build_baseline,
    count_confidences,
    total_counts,
)

N_BINS = len(CONFIDENCE_EDGES) - 1


@pytest.mark.parametrize("edges", [CONFIDENCE_EDGES, *STATISTIC_EDGES.values()])
def test_edges_grow_from_zero(edges: tuple[float, ...]) -> None:
    assert edges[0] == 0
    assert all(low < high for low, high in pairwise(edges))


def test_the_bins_of_confidence_are_finer_where_a_good_classifier_has_its_answers() -> None:
    widths = np.diff(CONFIDENCE_EDGES)

    assert CONFIDENCE_EDGES[-1] == 1
    assert widths.max() == pytest.approx(0.02)
    assert widths[np.array(CONFIDENCE_EDGES[:-1]) >= 0.98] == pytest.approx(0.002)


def test_answers_are_counted_by_class_and_bin() -> None:
    counts = count_confidences(
        [0.0, 0.02, 0.9999, 1.0, 0.95], ["a", "b", "a", "a", "b"], classes=["b", "a", "never predicted"]
    )

    assert list(counts) == ["b", "a", "never predicted"]
    assert {place: n for place, n in enumerate(counts["a"]) if n} == {0: 1, N_BINS - 1: 2}
    assert {place: n for place, n in enumerate(counts["b"]) if n} == {1: 1, CONFIDENCE_EDGES.index(0.95): 1}
    assert set(counts["never predicted"]) == {0}


def test_single_precision_answers_are_counted_as_the_warehouse_will_hold_them() -> None:
    confidences = np.array([0.9, 0.1, 0.3], dtype=np.float32)

    counts = count_confidences(confidences, ["a"] * 3, classes=["a"])

    assert counts == count_confidences([float(confidence) for confidence in confidences], ["a"] * 3, classes=["a"])


def test_a_probability_that_was_rounded_above_one_is_in_the_last_bin() -> None:
    assert count_confidences([1.0000001], ["a"], classes=["a"])["a"][-1] == 1


def test_no_answers_are_zeros() -> None:
    assert count_confidences([], [], classes=["a"]) == {"a": (0,) * N_BINS}


@pytest.mark.parametrize(
    ("confidences", "predicted", "message"),
    [
        ([0.5, float("nan")], ["a", "a"], "1 of 2 confidences are not numbers"),
        ([0.5], ["a", "b"], r"2 answers have confidences of shape \[1\]"),
        ([0.5], ["c"], "'c' was predicted, the classes are a, b"),
    ],
)
def test_what_cannot_be_counted_is_refused(confidences: list[float], predicted: list[str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        count_confidences(confidences, predicted, classes=["a", "b"])


def test_a_baseline_holds_what_was_right_and_what_was_mistaken_for_what() -> None:
    classes = ("a", "b", "c")
    scores = np.array([[0.91, 0.09, 0.0], [0.81, 0.19, 0.0], [0.3, 0.61, 0.09], [0.51, 0.3, 0.19]], dtype=np.float32)

    baseline = build_baseline(
        scores,
        np.array([0, 1, 1, 0]),
        classes=classes,
        features=np.array([[1, 2], [3, 4], [5, 6], [7, 8]], dtype=np.float32),
        image_statistics={},
        n_undecodable=2,
    )

    confidences = [0.91, 0.81, 0.61, 0.51]
    assert baseline.counts_by_class == count_confidences(confidences, ["a", "a", "b", "a"], classes=classes)
    assert baseline.right_by_class == count_confidences([0.91, 0.61, 0.51], ["a", "b", "a"], classes=classes)
    assert baseline.counts_by_truth == count_confidences(confidences, ["a", "b", "b", "a"], classes=classes)
    assert baseline.confusion == {
        "a": {"a": 2, "b": 0, "c": 0},
        "b": {"a": 1, "b": 1, "c": 0},
        "c": {"a": 0, "b": 0, "c": 0},
    }
    assert baseline.n_undecodable == 2
    assert baseline.features is not None
    assert baseline.features.rows.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert baseline.features.truth == ("a", "b", "b", "a")


def test_a_baseline_keeps_features_of_a_sample_from_everywhere() -> None:
    n = 3 * MAX_FEATURES + 1
    truth = np.arange(n) // (n // 2 + 1)

    features = build_baseline(
        np.tile(np.array([[0.7, 0.3]], dtype=np.float32), (n, 1)),
        truth,
        classes=("a", "b"),
        features=np.arange(n, dtype=np.float32)[:, np.newaxis],
        image_statistics={},
        n_undecodable=0,
    ).features

    assert features is not None
    assert len(set(features.rows[:, 0].tolist())) == len(features.truth) == MAX_FEATURES
    assert features.truth == tuple("ab"[truth[int(place)]] for place in features.rows[:, 0])
    assert features.truth.count("a") == pytest.approx(MAX_FEATURES / 2, abs=1)


def test_a_model_without_features_has_a_baseline_without_them() -> None:
    baseline = build_baseline(
        np.array([[0.9, 0.1]], dtype=np.float32),
        np.array([0]),
        classes=("a", "b"),
        features=np.empty((1, 0), dtype=np.float32),
        image_statistics={},
        n_undecodable=0,
    )

    assert baseline.features is None


def test_a_baseline_sums_up_its_classes() -> None:
    counts = {"a": (1, 2, 0), "b": (0, 0, 4), "c": (0, 0, 0)}
    baseline = Baseline(edges=(0.0, 0.5, 0.9, 1.0), counts_by_class=counts, image_statistics={})

    assert baseline.counts == (1, 2, 4)
    assert baseline.n_images == 7
    assert baseline.class_counts == {"a": 3, "b": 4, "c": 0}


def test_without_a_class_the_bins_are_empty() -> None:
    assert total_counts({}, n_bins=3) == (0, 0, 0)


def test_every_statistic_of_an_image_has_bins_that_it_fits_into() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    statistics = measure(noise, width=4000, height=3000)

    measured = {
        "short_side": statistics.height,
        "long_side": statistics.width,
        "brightness": statistics.brightness,
        "contrast": statistics.contrast,
        "sharpness": statistics.sharpness,
    }
    assert measured.keys() == STATISTIC_EDGES.keys()
    for name, value in measured.items():
        assert STATISTIC_EDGES[name][1] < value < STATISTIC_EDGES[name][-1]
