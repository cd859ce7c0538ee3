"""Baselines in the warehouse: what belongs to a version from the day that it was registered."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from include.models.baseline import STATISTIC_EDGES, Baseline, Histogram
from include.warehouse.session import Warehouse


class _BaselineRow(NamedTuple):
    edges: str
    counts_by_class: str
    image_statistics: str


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
        n_images=baseline.n_images,
    )


def read_baseline(warehouse: Warehouse, version: int) -> Baseline | None:
    """Return the baseline of a version; None: it was registered without one."""
    row = warehouse.fetch_one("registry/select_baseline", _BaselineRow, version=version)
    if row is None:
        return None
    statistics: Mapping[str, Any] = json.loads(row.image_statistics)
    return Baseline(
        edges=tuple(json.loads(row.edges)),
        counts_by_class={label: tuple(counts) for label, counts in json.loads(row.counts_by_class).items()},
        image_statistics={
            name: Histogram(edges=tuple(of["edges"]), counts=tuple(of["counts"])) for name, of in statistics.items()
        },
    )
