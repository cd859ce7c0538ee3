"""What a verdict depends on, as far as the warehouse knows it: counts, whatever the number of answers."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.drift.statistics.accuracy import Realised
from include.drift.statistics.window import WindowCounts
from include.errors import CatalogShrunkError, StageError
from include.models.baseline import MAX_FEATURES, Baseline
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


class Window(NamedTuple):
    """The answers of a version that no check has consumed."""

    n_images: int
    first_commit_seq: int | None
    """None: there are no answers."""
    last_commit_seq: int | None


class BinCount(NamedTuple):
    """Answers of a class in a bin of confidence."""

    label: str
    bin: int | None
    """None: the confidence is not a number, or not in 0…1."""
    n_images: int


class _StatisticCount(NamedTuple):
    statistic: str
    bin: int
    n_images: int


class _Features(NamedTuple):
    features: str


class _Count(NamedTuple):
    n: int


class _Labelled(NamedTuple):
    n_images: int
    n_right: int


def read_window(warehouse: Warehouse, *, version: int, after_commit_seq: int) -> Window:
    """Return the answers of a version since the last one consumed, to images that no version had answered before."""
    return warehouse.fetch("drift/select_window", Window, version=version, after_commit_seq=after_commit_seq)[0]


def count_window(warehouse: Warehouse, *, version: int, window: Window, baseline: Baseline) -> WindowCounts:
    """Count the answers of a window in the bins of a baseline.

    The warehouse counts: what comes from there is as large for ten million answers as for ten thousand.

    Args:
        warehouse: A session.
        version: The version that answered.
        window: Its answers.
        baseline: The same version's: its bins are those that are counted in, and only what it knows is asked for.
    """
    started = time.monotonic()
    if window.first_commit_seq is None or window.last_commit_seq is None:
        return WindowCounts(counts_by_class=_counts_by_class([], baseline))
    answers: dict[str, Any] = {
        "version": version,
        "first_commit_seq": window.first_commit_seq,
        "last_commit_seq": window.last_commit_seq,
    }
    rows = count_bins(warehouse, version=version, window=window, edges=baseline.edges)
    counts = WindowCounts(
        counts_by_class=_counts_by_class(rows, baseline),
        image_statistics=_image_statistics(warehouse, answers, baseline),
        features=_features(warehouse, answers, baseline, n_images=window.n_images),
        n_invalid=sum(row.n_images for row in rows if row.bin is None),
        n_undecodable=warehouse.fetch("drift/count_window_undecodable", _Count, **answers)[0].n,
    )
    log.info("counted %d answers in %.1f s", window.n_images, time.monotonic() - started)
    return counts


def count_bins(warehouse: Warehouse, *, version: int, window: Window, edges: Sequence[float]) -> list[BinCount]:
    """Count a version's answers of a window by predicted class and bin of confidence; empty bins have no row.

    Args:
        warehouse: A session.
        version: The version that answered.
        window: Its answers.
        edges: Of the bins.
    """
    return warehouse.fetch(
        "drift/count_window",
        BinCount,
        version=version,
        first_commit_seq=window.first_commit_seq,
        last_commit_seq=window.last_commit_seq,
        edges=json.dumps(edges),
    )


def _counts_by_class(rows: Sequence[BinCount], baseline: Baseline) -> dict[str, tuple[int, ...]]:
    n_bins = len(baseline.edges) - 1
    counts = {label: [0] * n_bins for label in (*baseline.counts_by_class, *sorted({row.label for row in rows}))}
    for row in rows:
        if row.bin is not None:
            counts[row.label][row.bin] = row.n_images
    return {label: tuple(of_bins) for label, of_bins in counts.items()}


def _image_statistics(
    warehouse: Warehouse, answers: Mapping[str, Any], baseline: Baseline
) -> dict[str, tuple[int, ...]]:
    """Count in the baseline's own bins; what was measured of no image is left out."""
    edges = {name: of.edges for name, of in baseline.image_statistics.items()}
    if not edges:
        return {}
    rows = warehouse.fetch(
        "drift/count_window_statistics", _StatisticCount, statistic_edges=json.dumps(edges), **answers
    )
    counts = {name: [0] * (len(edges[name]) - 1) for name in edges if any(row.statistic == name for row in rows)}
    for row in rows:
        counts[row.statistic][row.bin] = row.n_images
    return {name: tuple(of_bins) for name, of_bins in counts.items()}


def _features(
    warehouse: Warehouse, answers: Mapping[str, Any], baseline: Baseline, *, n_images: int
) -> NDArray[np.float32]:
    """Return a sample of what the network saw, [n, n_features]; [0, 0] if the baseline has nothing to compare with.

    Rows of another length than the baseline's are none that a network wrote, and are left out.
    """
    if baseline.features is None or baseline.features.rows.ndim != 2:
        return np.empty((0, 0), dtype=np.float32)
    rows = warehouse.fetch(
        "drift/select_window_features", _Features, n_images=n_images, n_sample=MAX_FEATURES, **answers
    )
    read = [json.loads(row.features) for row in rows]
    n_features = baseline.features.rows.shape[1]
    return np.array([row for row in read if len(row) == n_features], dtype=np.float32).reshape(-1, n_features)


def count_new_labels(warehouse: Warehouse, config: PipelineConfig, *, version: int) -> int:
    """Return how many labelled images there are that are not in a version's snapshot with that label.

    The training stage is listed first, so that files that a person has just put there are seen. Where that fails, what
    is known already is counted: the check is not about that stage.
    """
    training, incoming = config.stages.training, config.stages.incoming
    try:
        sync_stage(warehouse, training, labels=config.labels, accept_removals=False)
    except (StageError, CatalogShrunkError) as error:
        log.warning("new labels are counted without a new look at stage %s: %s", training.name, error)
    return warehouse.fetch(
        "drift/count_new_labels", _Count, version=version, training_stage=training.name, incoming_stage=incoming.name
    )[0].n


def count_open_requests(warehouse: Warehouse, *, champion_event_seq: int) -> int:
    """Return how many images wait for a label that people were asked for because of drift that goes on.

    Args:
        warehouse: A session.
        champion_event_seq: The event that made the champion what it is. What was asked for before it, or before the
            last stable window, was about other drift.
    """
    return warehouse.fetch("drift/count_open_requests", _Count, champion_event_seq=champion_event_seq)[0].n


def read_realised(
    warehouse: Warehouse, *, version: int, first_commit_seq: int, last_commit_seq: int
) -> Realised | None:
    """Return what labels say of a version's answers; None: none of them has a label that tells.

    Only labels with the source `random` count: others are of images that were picked for being doubtful, or wrong.
    """
    labelled = warehouse.fetch(
        "drift/select_realised",
        _Labelled,
        version=version,
        first_commit_seq=first_commit_seq,
        last_commit_seq=last_commit_seq,
    )[0]
    return Realised(n_images=labelled.n_images, n_right=labelled.n_right) if labelled.n_images else None
