"""A window of answers, counted in the warehouse."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from include.drift.evidence import count_window, read_window
from include.drift.statistics.window import WindowCounts
from include.models.baseline import (
    CONFIDENCE_EDGES,
    MAX_FEATURES,
    STATISTIC_EDGES,
    Baseline,
    FeatureSample,
    Histogram,
    count_confidences,
)
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Answer = Callable[..., None]
Count = Callable[..., WindowCounts]

BASELINE = Baseline(
    edges=CONFIDENCE_EDGES,
    counts_by_class=count_confidences([0.9, 0.8, 0.7], ["a", "b", "c"], classes=["a", "b", "c"]),
    image_statistics={
        name: Histogram(edges=edges, counts=(0,) * (len(edges) - 1)) for name, edges in STATISTIC_EDGES.items()
    },
    features=FeatureSample(rows=np.zeros((2, 3), dtype=np.float32), truth=("a", "b")),
)


@pytest.fixture
def count(warehouse: Warehouse) -> Count:
    """A function that counts all answers of version 1, in the bins of a baseline."""

    def of_version(baseline: Baseline = BASELINE, after: int = 0) -> WindowCounts:
        window = read_window(warehouse, version=1, after_commit_seq=after)
        return count_window(warehouse, version=1, window=window, baseline=baseline)

    return of_version


def around(edges: Sequence[float]) -> list[float]:
    """Return values on all edges, right beside them, and in between."""
    values = np.array(edges)
    return [*values, *np.nextafter(values, -1)[1:], *np.nextafter(values, 1e9)[:-1], *((values[1:] + values[:-1]) / 2)]


def test_confidences_are_counted_as_numpy_counts_them_on_edges_too(answer: Answer, count: Count) -> None:
    confidences = around(CONFIDENCE_EDGES)
    labels = [("a", "b")[place % 2] for place in range(len(confidences))]
    answer(1, confidences, images="x", predicted=labels)

    counts = count()

    assert counts.counts_by_class == count_confidences(confidences, labels, classes=["a", "b", "c"])
    assert (counts.n_images, counts.n_invalid) == (len(confidences), 0)


def test_statistics_are_counted_as_numpy_counts_them_on_edges_too(answer: Answer, count: Count) -> None:
    values = {name: np.maximum(around(edges), 0) for name, edges in STATISTIC_EDGES.items()}
    n = max(map(len, values.values()))
    looks = np.array([np.resize(of_name, n) for of_name in values.values()]).T
    looks[0] = 1e9  # far above the last edges
    answer(1, [0.9] * n, images="x", looks=looks.tolist())

    counted = count().image_statistics

    assert list(counted) == list(STATISTIC_EDGES)
    for name, column in zip(STATISTIC_EDGES, looks.T, strict=True):
        edges = STATISTIC_EDGES[name]
        bins = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, len(edges) - 2)
        assert counted[name] == tuple(np.bincount(bins, minlength=len(edges) - 1)), name


def test_statistics_are_counted_in_the_bins_of_the_baseline(answer: Answer, count: Count) -> None:
    answer(1, [0.9] * 3, images="x", looks=[(10, 10, brightness, 0.1, 0.1) for brightness in (0.1, 0.6, 0.7)])
    coarse = replace(BASELINE, image_statistics={"brightness": Histogram(edges=(0.0, 0.5, 1.0), counts=(7, 7))})

    assert count(coarse).image_statistics == {"brightness": (1, 2)}
    assert count(replace(BASELINE, image_statistics={})).image_statistics == {}


def test_confidences_that_are_none_are_counted_apart(answer: Answer, count: Count) -> None:
    answer(1, [0.9, float("nan"), 1.5, -0.1, float("inf"), 1.0], images="x", predicted=["a", "a", "b", "d", "c", "a"])

    counts = count()

    assert (counts.n_invalid, counts.n_images) == (4, 2)
    assert {label: sum(of) for label, of in counts.counts_by_class.items()} == {"a": 2, "b": 0, "c": 0, "d": 0}


def test_a_class_that_the_baseline_does_not_know_is_counted(answer: Answer, count: Count) -> None:
    answer(1, [0.9, 0.9], images="x", predicted=["a", "new"])

    assert {label: sum(of) for label, of in count().counts_by_class.items()} == {"a": 1, "b": 0, "c": 0, "new": 1}


def test_answers_of_an_earlier_release_have_no_statistics_and_no_features(answer: Answer, count: Count) -> None:
    answer(1, [0.9] * 4, images="x")

    counts = count()

    assert (counts.n_images, counts.image_statistics, counts.features.shape) == (4, {}, (0, 3))


def test_an_empty_window_is_counted(count: Count) -> None:
    counts = count()

    assert (counts.n_images, counts.n_invalid, counts.n_undecodable) == (0, 0, 0)
    assert list(counts.counts_by_class) == ["a", "b", "c"]


def test_only_first_answers_of_the_version_in_the_window_are_counted(answer: Answer, count: Count) -> None:
    answer(1, [0.5] * 2, images="consumed", looks=[(10, 10, 0.1, 0.1, 0.1)] * 2, features=[(5, 5, 5)] * 2)
    answer(2, [0.6] * 3, images="x", looks=[(20, 20, 0.2, 0.2, 0.2)] * 3, features=[(6, 6, 6)] * 3)
    answer(1, [0.7] * 4, images="x", looks=[(20, 20, 0.2, 0.2, 0.2)] * 4, features=[(7, 7, 7)] * 4)

    counts = count(after=2)

    assert counts.n_images == 1, "the fourth image of x is the only one that version 2 had not answered before"
    assert {sum(of_bins) for of_bins in counts.image_statistics.values()} == {1}
    assert counts.features.tolist() == [[7, 7, 7]]


def test_all_features_of_a_small_window_come_back(answer: Answer, count: Count) -> None:
    features = np.random.default_rng(0).normal(size=(40, 3)).round(3)
    answer(1, [0.9] * 40, images="x", features=features.tolist())

    found = count().features

    assert found.dtype == np.float32
    assert sorted(found.tolist()) == sorted(features.astype(np.float32).tolist())
    assert (count().features == found).all(), "in the same order each time"


def test_of_a_large_window_a_sample_of_the_features_comes_back(answer: Answer, count: Count) -> None:
    n = 2_600
    answer(1, [0.9] * n, images="x", features=[(number, 0, 0) for number in range(n)])

    found = count().features[:, 0]

    assert len(set(found.tolist())) == MAX_FEATURES
    assert np.histogram(found, bins=5, range=(0, n))[0] == pytest.approx(np.full(5, MAX_FEATURES / 5), abs=15)


def test_features_that_the_baseline_could_not_be_compared_with_are_not_read(answer: Answer, count: Count) -> None:
    answer(1, [0.9] * 3, images="x", features=[(1, 2, 3)] * 3)

    assert count(replace(BASELINE, features=None)).features.shape == (0, 0)


def test_features_of_another_length_are_left_out(answer: Answer, count: Count) -> None:
    answer(1, [0.9] * 3, images="x", features=[(1, 2, 3), (4, 5), (6, 7, 8, 9)])
    assert count().features.tolist() == [[1, 2, 3]]

    answer(1, [0.9] * 2, images="y", features=[(4, 5)] * 2)
    assert count(after=3).features.shape == (0, 3)


def test_images_that_came_with_the_windows_and_cannot_be_decoded_are_counted(
    answer: Answer, count: Count, query: Query
) -> None:
    answer(1, [0.9] * 3, images="x", run_id="run 1")
    answer(2, [0.9] * 3, images="y", run_id="run 2")
    for name, run_id in (("broken", "run 1"), ("torn", "run 1"), ("of another run", "run 2"), ("erased", "forget")):
        query(
            "INSERT INTO QUARANTINE VALUES ('INCOMING_IMAGES', %(name)s, 'e', 'truncated', %(run)s, SYSDATE())",
            name=name,
            run=run_id,
        )

    assert count().n_undecodable == 2
