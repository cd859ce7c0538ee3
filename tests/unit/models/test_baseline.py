"""Answers as counts over fixed bins."""

from itertools import pairwise

import numpy as np
import pytest

from include.errors import ModelError
from include.images.statistics import measure
from include.models.baseline import (
    CONFIDENCE_EDGES,
    STATISTIC_EDGES,
    Baseline,
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
