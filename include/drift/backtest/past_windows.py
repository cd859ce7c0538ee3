"""The stored answers, cut into windows as a policy says and counted in the warehouse, some windows at a time."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from include.drift.statistics.window import MAX_FEATURES, WindowCounts
from include.models.baseline import Baseline
from include.warehouse.session import Warehouse

IMAGES_AT_ONCE = 20_000
"""About so many answers are counted by one statement: what comes back from it stays below a few megabytes."""


class WindowRange(NamedTuple):
    """A window of a champion's stored answers."""

    event_seq: int
    """The event that had made it champion."""
    version: int
    first_commit_seq: int
    last_commit_seq: int
    n_images: int
    n_labelled: int
    """Answers of which labels say by now whether they were right."""
    n_right: int
    started_at: datetime
    ended_at: datetime
    n_windows: int
    """How many windows there are in all, as only the latest ones may have been asked for."""
    n_windows_since_promotion: int | None
    """Those of this champion before it; None: it is champion by a rollback, or since before the answers begin."""


class Labelled(NamedTuple):
    """Answers of which labels say whether they were right."""

    n_images: int
    n_right: int


class _BinCount(NamedTuple):
    place: int
    label: str
    bin: int | None
    n_images: int


class _StatisticCount(NamedTuple):
    place: int
    statistic: str
    bin: int
    n_images: int


class _Features(NamedTuple):
    place: int
    features: str


class _Count(NamedTuple):
    place: int
    n_images: int


class _LabelledRow(NamedTuple):
    place: int
    n_images: int
    n_right: int


def read_ranges(warehouse: Warehouse, *, window_size: int, since: datetime, max_windows: int) -> list[WindowRange]:
    """Cut the stored answers into windows: of each period of a champion its own first answers, in order.

    Args:
        warehouse: A session.
        window_size: Answers in a window; what is left over at a period's end makes none.
        since: Answers before it are left out; aware.
        max_windows: The latest ones, at most so many.
    """
    rows = warehouse.fetch(
        "backtest/select_windows",
        WindowRange,
        window_size=window_size,
        since=since.astimezone(UTC).replace(tzinfo=None),
        max_windows=max_windows,
    )
    return [
        row._replace(started_at=row.started_at.replace(tzinfo=UTC), ended_at=row.ended_at.replace(tzinfo=UTC))
        for row in rows
    ]


def pages(ranges: Sequence[WindowRange]) -> Iterator[list[WindowRange]]:
    """Yield windows of one champion after the other, as many at a time as one statement counts."""
    page: list[WindowRange] = []
    for window in ranges:
        is_full = sum(one.n_images for one in page) + window.n_images > IMAGES_AT_ONCE
        if page and (is_full or page[0].event_seq != window.event_seq):
            yield page
            page = []
        page.append(window)
    if page:
        yield page


def count_windows(
    warehouse: Warehouse, page: Sequence[WindowRange], baseline: Baseline, *, answered_by: int
) -> list[WindowCounts]:
    """Count what a version has answered to the images of windows, its own or another's, as far as that is stored.

    Args:
        warehouse: A session.
        page: Windows of one champion.
        baseline: Of the version whose answers are counted.
        answered_by: That version.
    """
    windows: dict[str, Any] = {
        "windows": json.dumps(
            [
                (place, window.version, window.first_commit_seq, window.last_commit_seq, answered_by)
                for place, window in enumerate(page)
            ]
        ),
        "first_commit_seq": page[0].first_commit_seq,
        "last_commit_seq": page[-1].last_commit_seq,
    }
    n_bins = len(baseline.edges) - 1
    counts = [{label: [0] * n_bins for label in baseline.counts_by_class} for _ in page]
    n_invalid = [0] * len(page)
    edges = json.dumps(baseline.edges)
    for row in sorted(warehouse.fetch("backtest/count_answers", _BinCount, edges=edges, **windows), key=_order):
        of_classes = counts[row.place].setdefault(row.label, [0] * n_bins)
        if row.bin is None:
            n_invalid[row.place] += row.n_images
        else:
            of_classes[row.bin] = row.n_images
    statistics = _count_images(warehouse, windows, baseline, n_windows=len(page))
    features = _read_features(warehouse, windows, baseline, n_windows=len(page))
    undecodable = {row.place: row.n_images for row in warehouse.fetch("backtest/count_undecodable", _Count, **windows)}
    return [
        WindowCounts(
            counts_by_class={label: tuple(of_bins) for label, of_bins in of_classes.items()},
            image_statistics={name: tuple(of_bins) for name, of_bins in of_statistics.items()},
            features=np.array(of_images, dtype=np.float32) if of_images else np.empty((0, 0), dtype=np.float32),
            n_invalid=n_invalid[place],
            n_undecodable=undecodable.get(place, 0),
        )
        for place, (of_classes, of_statistics, of_images) in enumerate(zip(counts, statistics, features, strict=True))
    ]


def count_new_labels(
    warehouse: Warehouse, moments: Sequence[tuple[int, datetime]], *, training_stage: str, incoming_stage: str
) -> list[int]:
    """Count the labels that there were at moments and that a version had not been trained with.

    Args:
        warehouse: A session.
        moments: Of each the version and when; aware.
        training_stage: The stage of labelled images.
        incoming_stage: The stage of images to classify.
    """
    rows = warehouse.fetch(
        "backtest/count_new_labels",
        _Count,
        moments=json.dumps([(place, version, _seconds(at)) for place, (version, at) in enumerate(moments)]),
        training_stage=training_stage,
        incoming_stage=incoming_stage,
    )
    n_labels = {row.place: row.n_images for row in rows}
    return [n_labels.get(place, 0) for place in range(len(moments))]


def count_labelled(warehouse: Warehouse, ranges: Sequence[tuple[WindowRange, datetime]]) -> list[Labelled]:
    """Count of which answers of windows labels told by some moment whether they were right.

    Args:
        warehouse: A session.
        ranges: Of each the window and the moment; aware. At least one.
    """
    rows = warehouse.fetch(
        "backtest/count_labelled",
        _LabelledRow,
        windows=json.dumps(
            [
                (place, window.version, window.first_commit_seq, window.last_commit_seq, _seconds(at))
                for place, (window, at) in enumerate(ranges)
            ]
        ),
        first_commit_seq=min(window.first_commit_seq for window, _ in ranges),
        last_commit_seq=max(window.last_commit_seq for window, _ in ranges),
    )
    labelled = {row.place: Labelled(row.n_images, row.n_right) for row in rows}
    return [labelled.get(place, Labelled(0, 0)) for place in range(len(ranges))]


def _count_images(
    warehouse: Warehouse, windows: Mapping[str, Any], baseline: Baseline, *, n_windows: int
) -> list[dict[str, list[int]]]:
    """Return of each window the images in each of the baseline's bins; nothing of a window that was not measured."""
    counts: list[dict[str, list[int]]] = [{} for _ in range(n_windows)]
    edges = {name: of.edges for name, of in baseline.image_statistics.items()}
    if not edges:
        return counts
    for row in warehouse.fetch("backtest/count_images", _StatisticCount, statistic_edges=json.dumps(edges), **windows):
        n_bins = len(edges[row.statistic]) - 1
        counts[row.place].setdefault(row.statistic, [0] * n_bins)[row.bin] = row.n_images
    return counts


def _read_features(
    warehouse: Warehouse, windows: Mapping[str, Any], baseline: Baseline, *, n_windows: int
) -> list[list[list[float]]]:
    """Return of each window what the network saw in a sample; nothing where the baseline has nothing to compare."""
    features: list[list[list[float]]] = [[] for _ in range(n_windows)]
    if baseline.features is None:
        return features
    for row in warehouse.fetch("backtest/select_features", _Features, n_images=MAX_FEATURES, **windows):
        features[row.place].append(json.loads(row.features))
    return features


def _order(row: _BinCount) -> tuple[int, str]:
    """Classes that a baseline does not know come in the order of their names, whatever order the rows came in."""
    return row.place, row.label


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
