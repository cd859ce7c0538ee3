"""A version's baseline in the warehouse."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from include.models.baseline import (
    CONFIDENCE_EDGES,
    STATISTIC_EDGES,
    Baseline,
    FeatureSample,
    Histogram,
    count_confidences,
)
from include.registry.baselines import count_undecodable, held_out_statistics, insert_baseline, read_baseline
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]

BASELINE = Baseline(
    edges=CONFIDENCE_EDGES,
    counts_by_class=count_confidences([0.31, 0.999, 1.0], ["b", "a", "a"], classes=["b", "a", 'a "third" class']),
    image_statistics={
        name: Histogram(edges=edges, counts=(3,) + (0,) * (len(edges) - 2)) for name, edges in STATISTIC_EDGES.items()
    },
    right_by_class=count_confidences([0.999], ["a"], classes=["b", "a", 'a "third" class']),
    counts_by_truth=count_confidences([0.31, 0.999, 1.0], ["a", "a", "b"], classes=["b", "a", 'a "third" class']),
    confusion={
        "b": {"b": 0, "a": 1, 'a "third" class': 0},
        "a": {"b": 1, "a": 1, 'a "third" class': 0},
        'a "third" class': {"b": 0, "a": 0, 'a "third" class': 0},
    },
    n_undecodable=2,
)


def test_a_baseline_comes_back_as_it_was_stored(warehouse: Warehouse, query: Query) -> None:
    warehouse.alone(lambda: insert_baseline(warehouse, 7, BASELINE))

    assert read_baseline(warehouse, 7) == BASELINE
    assert query("SELECT VERSION, N_IMAGES, COUNTS[62]::NUMBER FROM BASELINES") == [(7, 3, 2)]


def test_features_come_back_with_four_digits_and_their_true_classes(warehouse: Warehouse) -> None:
    rows = np.array([[0.123456, -12345.6, 1e-9], [0, 2, -3]], dtype=np.float32)
    sample = FeatureSample(rows=rows, truth=("a", 'a "third" class'))
    warehouse.alone(lambda: insert_baseline(warehouse, 7, replace(BASELINE, features=sample)))

    found = read_baseline(warehouse, 7)

    assert found is not None
    assert found.features is not None
    assert found.features.rows.dtype == np.float32
    assert found.features.rows == pytest.approx(rows, rel=5e-4)
    assert found.features.truth == sample.truth


def test_held_out_images_that_cannot_be_decoded_are_counted(warehouse: Warehouse, query: Query) -> None:
    looks = (9, 9, 0.9, 0.4, 9.0)
    sides = ("validation", "test", "train", "test")
    add_images(query, [(side, looks) for side in sides], snapshot="s", digest="d")
    for number, run_id in ((0, "run"), (1, "run"), (2, "run"), (3, "forget")):
        query(
            "INSERT INTO QUARANTINE VALUES ('TRAINING_IMAGES', %(path)s, 'e', 'truncated', %(run)s, SYSDATE())",
            path=f"a/{number}.png",
            run=run_id,
        )
    query("INSERT INTO FORGOTTEN VALUES ('p', 'e', NULL, FALSE, 'forget', SYSDATE())")

    assert count_undecodable(warehouse, snapshot_id="s") == 2
    assert count_undecodable(warehouse, snapshot_id="another") == 0


def test_a_baseline_is_stored_once(warehouse: Warehouse, query: Query) -> None:
    for _ in range(2):
        warehouse.alone(lambda: insert_baseline(warehouse, 7, BASELINE))

    assert query("SELECT COUNT(*) FROM BASELINES") == [(1,)]


def test_a_version_without_a_baseline_has_none(warehouse: Warehouse) -> None:
    assert read_baseline(warehouse, 1) is None


def add_images(query: Query, images: Sequence[tuple[str, tuple[float, ...]]], *, snapshot: str, digest: str) -> None:
    """Put images (side, statistics) into a snapshot and among the prepared ones."""
    for number, (split, statistics) in enumerate(images):
        content = f"{snapshot} {number}"
        query(
            "INSERT INTO SNAPSHOT_IMAGES SELECT %(snapshot)s, 'TRAINING_IMAGES', %(path)s, 'e', 'a', 'path', "
            "%(split)s, %(content)s",
            snapshot=snapshot,
            path=f"a/{number}.png",
            split=split,
            content=content,
        )
        query(
            "INSERT INTO PIXELS SELECT %(content)s, %(digest)s, 's', 0, %(v0)s, %(v1)s, %(v2)s, %(v3)s, %(v4)s, 'r', "
            "SYSDATE()",
            content=content,
            digest=digest,
            **{f"v{place}": value for place, value in enumerate(statistics)},
        )


def test_the_held_out_images_of_a_snapshot_are_counted_in_the_bins_that_numpy_puts_them_in(
    warehouse: Warehouse, query: Query
) -> None:
    rng = np.random.default_rng(0)
    values = [
        (*rng.integers(8, 5000, 2).tolist(), rng.uniform(), rng.uniform(0, 0.5), 10 ** rng.uniform(-7, 1))
        for _ in range(25)
    ]
    corners = [(1, 100_000, 1.0, 0.5, 16.0), (8, 8, 0.0, 0.0, 0.0), (9, 10, 0.02, 0.01, 0.00001)]
    held_out = [("validation", row) for row in values] + [("test", row) for row in corners]
    add_images(query, [*held_out, ("train", (9, 9, 0.9, 0.4, 9.0))], snapshot="s", digest="d")
    add_images(query, [("test", (9, 9, 0.9, 0.4, 9.0))], snapshot="another", digest="d")
    add_images(query, [("test", (9, 9, 0.9, 0.4, 9.0))], snapshot="prepared otherwise", digest="e")

    histograms = held_out_statistics(warehouse, snapshot_id="s", preprocessing_digest="d")

    table = np.array([*values, *corners])
    measured = {
        "short_side": table[:, :2].min(axis=1),
        "long_side": table[:, :2].max(axis=1),
        "brightness": table[:, 2],
        "contrast": table[:, 3],
        "sharpness": table[:, 4],
    }
    assert histograms.keys() == STATISTIC_EDGES.keys()
    for name, histogram in histograms.items():
        top = np.nextafter(histogram.edges[-1], 0)
        expected, _ = np.histogram(np.minimum(measured[name], top), bins=histogram.edges)
        assert histogram.counts == tuple(expected), name


def test_a_snapshot_without_prepared_images_has_empty_histograms(warehouse: Warehouse) -> None:
    histograms = held_out_statistics(warehouse, snapshot_id="s", preprocessing_digest="d")

    assert {sum(histogram.counts) for histogram in histograms.values()} == {0}
