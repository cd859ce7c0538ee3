"""Baselines in the warehouse: what belongs to a version from the day that it was registered."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from include.models.baseline import STATISTIC_EDGES, Baseline, FeatureSample, Histogram, rounded_features
from include.warehouse.session import Warehouse


class _BaselineRow(NamedTuple):
    edges: str
    counts_by_class: str
    image_statistics: str
    held_out: str | None
    features: str | None


class _Count(NamedTuple):
    n: int


class _StatisticCount(NamedTuple):
    statistic: str
    bin: int
    n_images: int


def held_out_statistics(warehouse: Warehouse, *, snapshot_id: str, preprocessing_digest: str) -> dict[str, Histogram]:
    """Count, in the warehouse, what the held-out images of a snapshot look like.

    Args:
        warehouse: A session.
        snapshot_id: The snapshot; its validation and test side are counted, as far as their pixels were prepared.
        preprocessing_digest: How the pixels that were measured were made.

    Returns:
        A histogram of each of `STATISTIC_EDGES`.
    """
    rows = warehouse.fetch(
        "registry/count_held_out_statistics",
        _StatisticCount,
        snapshot_id=snapshot_id,
        preprocessing_digest=preprocessing_digest,
        statistic_edges=json.dumps(STATISTIC_EDGES),
    )
    counts = {name: [0] * (len(edges) - 1) for name, edges in STATISTIC_EDGES.items()}
    for row in rows:
        counts[row.statistic][row.bin] = row.n_images
    return {name: Histogram(edges=STATISTIC_EDGES[name], counts=tuple(of_bins)) for name, of_bins in counts.items()}


def count_undecodable(warehouse: Warehouse, *, snapshot_id: str) -> int:
    """Count the held-out images of a snapshot that cannot be decoded."""
    return warehouse.fetch("registry/count_held_out_undecodable", _Count, snapshot_id=snapshot_id)[0].n


def insert_baseline(warehouse: Warehouse, version: int, baseline: Baseline) -> None:
    """Store the baseline of a version, once; to be called in a transaction that is alone."""
    warehouse.run(
        "registry/insert_baseline",
        version=version,
        edges=json.dumps(baseline.edges),
        counts=json.dumps(baseline.counts),
        counts_by_class=json.dumps(dict(baseline.counts_by_class)),
        image_statistics=json.dumps(
            {name: {"edges": of.edges, "counts": of.counts} for name, of in baseline.image_statistics.items()}
        ),
        held_out=json.dumps(_held_out(baseline)),
        features=json.dumps(_features(baseline.features)) if baseline.features else None,
        n_images=baseline.n_images,
    )


def read_baseline(warehouse: Warehouse, version: int) -> Baseline | None:
    """Return the baseline of a version; None: it was registered without one."""
    row = warehouse.fetch_one("registry/select_baseline", _BaselineRow, version=version)
    if row is None:
        return None
    statistics: Mapping[str, Any] = json.loads(row.image_statistics)
    counts_by_class = _by_class(json.loads(row.counts_by_class))
    held_out: Mapping[str, Any] = json.loads(row.held_out) if row.held_out else {}
    return Baseline(
        edges=tuple(json.loads(row.edges)),
        counts_by_class=counts_by_class,
        image_statistics={
            name: Histogram(edges=tuple(of["edges"]), counts=tuple(of["counts"])) for name, of in statistics.items()
        },
        right_by_class=_by_class(held_out.get("right_by_class", {})),
        counts_by_truth=_by_class(held_out.get("counts_by_truth", {})),
        confusion={
            label: {given: of_label.get(given, 0) for given in counts_by_class}
            for label, of_label in held_out.get("confusion", {}).items()
        },
        n_undecodable=held_out.get("n_undecodable", 0),
        features=_feature_sample(json.loads(row.features)) if row.features else None,
    )


def _held_out(baseline: Baseline) -> dict[str, Any]:
    return {
        "right_by_class": dict(baseline.right_by_class),
        "counts_by_truth": dict(baseline.counts_by_truth),
        # hundreds of classes have ten thousands of pairs, nearly all of which never occurred
        "confusion": {
            label: {given: n for given, n in of_label.items() if n} for label, of_label in baseline.confusion.items()
        },
        "n_undecodable": baseline.n_undecodable,
    }


def _by_class(counts: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    return {label: tuple(of_bins) for label, of_bins in counts.items()}


def _features(sample: FeatureSample) -> dict[str, Any]:
    return {"rows": [rounded_features(row) for row in sample.rows], "truth": sample.truth}


def _feature_sample(stored: Mapping[str, Any]) -> FeatureSample:
    return FeatureSample(rows=np.array(stored["rows"], dtype=np.float32), truth=tuple(stored["truth"]))
