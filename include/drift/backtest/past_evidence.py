"""What was known of each window of the past by its end: measured as a check would have, from what is stored."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from include.config import PipelineConfig
from include.config_parts import DriftConfig
from include.drift.arbiter.verdict import PreviousOnWindow
from include.drift.backtest.past_windows import (
    Labelled,
    WindowRange,
    count_labelled,
    count_new_labels,
    count_windows,
    pages,
)
from include.drift.backtest.replay import PastWindow
from include.drift.statistics.accuracy import Accuracy
from include.drift.statistics.measuring import measure_window
from include.drift.statistics.window import WindowCounts
from include.models.baseline import Baseline, Histogram
from include.registry.baselines import read_baseline
from include.registry.champion_periods import ChampionPeriod, read_champion_periods
from include.warehouse.session import Warehouse

LEAST_SHARE_ANSWERED = 0.5
"""Of a window's images: by fewer stored answers of the version before, nobody can be asked about it."""

_ACCURACY = TypeAdapter(Accuracy)


class _PreviousRow(NamedTuple):
    version: int
    first_commit_seq: int
    last_commit_seq: int
    previous: str


class _AcceptedRow(NamedTuple):
    accepted_at: datetime
    image_statistics: str


class _Accepted(NamedTuple):
    at: datetime
    looks: Mapping[str, Histogram]


@dataclass(frozen=True, kw_only=True)
class Past:
    """A pipeline's past, as far as it is stored."""

    warehouse: Warehouse
    config: PipelineConfig
    _baselines: dict[int, Baseline | None] = field(default_factory=dict)

    @cached_property
    def periods(self) -> Mapping[int, ChampionPeriod]:
        """Who was champion, by the event that made it so."""
        return {period.event_seq: period for period in read_champion_periods(self.warehouse)}

    def baseline(self, version: int) -> Baseline | None:
        """Return what windows of a version are held against; None: nothing."""
        if version not in self._baselines:
            baseline = read_baseline(self.warehouse, version)
            self._baselines[version] = baseline if baseline is not None and baseline.n_images else None
        return self._baselines[version]

    def measure(
        self, ranges: Sequence[WindowRange], drift: DriftConfig, *, tell: Callable[[int], None]
    ) -> list[PastWindow]:
        """Measure windows, some at a time: neither what is read nor what is held grows with the answers in them.

        Args:
            ranges: Windows of the size that `drift` says, in order.
            drift: What they are measured by.
            tell: Gets the number of windows that are done.
        """
        windows: list[PastWindow] = []
        for page in pages(ranges):
            windows += self._measure_page(page, self._before(ranges, len(windows), drift), drift)
            tell(len(windows))
        return windows

    def _measure_page(
        self, page: Sequence[WindowRange], before: Sequence[WindowRange], drift: DriftConfig
    ) -> list[PastWindow]:
        version = page[0].version
        baseline = self.baseline(version)
        counted: Sequence[WindowCounts | None] = [None] * len(page)
        if baseline is not None:
            counted = count_windows(self.warehouse, page, baseline, answered_by=version)
        previous = self._previous(page, drift)
        labelled = self._labelled(page, before, drift)
        moments = [moment for window in page for moment in ((version, window.started_at), (version, window.ended_at))]
        stages = self.config.stages
        n_labels = count_new_labels(
            self.warehouse, moments, training_stage=stages.training.name, incoming_stage=stages.incoming.name
        )
        return [
            PastWindow(
                event_seq=window.event_seq,
                version=version,
                first_commit_seq=window.first_commit_seq,
                n_images=window.n_images,
                started_at=window.started_at,
                ended_at=window.ended_at,
                evidence=measure_window(
                    baseline,
                    counts,
                    drift=drift,
                    seed=_seed(window),
                    accepted=[one.looks for one in self._accepted if one.at <= window.ended_at],
                )
                if baseline is not None and counts is not None and counts.n_images
                else None,
                n_invalid=counts.n_invalid if counts else 0,
                labelled=labelled[place],
                previous=previous[place],
                n_windows_since_promotion=window.n_windows_since_promotion,
                n_labels_before=n_labels[2 * place],
                n_new_labels=n_labels[2 * place + 1],
            )
            for place, (window, counts) in enumerate(zip(page, counted, strict=True))
        ]

    @staticmethod
    def _before(ranges: Sequence[WindowRange], place: int, drift: DriftConfig) -> list[WindowRange]:
        """Return the windows of the same champion whose labels may still count."""
        first = max(0, place - drift.of_windows + 1)
        return [window for window in ranges[first:place] if window.event_seq == ranges[place].event_seq]

    def _labelled(
        self, page: Sequence[WindowRange], before: Sequence[WindowRange], drift: DriftConfig
    ) -> list[tuple[Labelled, ...]]:
        """Return for each window what labels said by its end of it and of those before it, the latest first."""
        windows = [*before, *page]
        asked = [
            (windows[earlier], window.ended_at)
            for place, window in enumerate(page, start=len(before))
            for earlier in _latest_first(place, drift)
        ]
        answers = iter(count_labelled(self.warehouse, asked))
        return [
            tuple(next(answers) for _ in _latest_first(place, drift))
            for place in range(len(before), len(before) + len(page))
        ]

    def _previous(self, page: Sequence[WindowRange], drift: DriftConfig) -> list[PreviousOnWindow | None]:
        """Return what is stored of the version before: its answers to the same images, else what checks have found."""
        version = self.periods[page[0].event_seq].previous_version
        if version is None:
            return [None] * len(page)
        baseline = self.baseline(version)
        if baseline is None:
            return [None] * len(page)
        counted = count_windows(self.warehouse, page, baseline, answered_by=version)
        return [
            _held_against(baseline, counts, version, drift, seed=_seed(window))
            if counts.n_images >= LEAST_SHARE_ANSWERED * window.n_images
            else self._found_by_checks(window, version)
            for window, counts in zip(page, counted, strict=True)
        ]

    def _found_by_checks(self, window: WindowRange, previous_version: int) -> PreviousOnWindow | None:
        """Return what the latest check has found that looked at any of the same answers."""
        for row in reversed(self._findings):
            overlaps = row.first_commit_seq <= window.last_commit_seq and row.last_commit_seq >= window.first_commit_seq
            if row.version != window.version or not overlaps:
                continue
            found: dict[str, Any] = json.loads(row.previous)
            if found.get("version") == previous_version and found.get("accuracy"):
                accuracy = _ACCURACY.validate_python(found["accuracy"])
                return PreviousOnWindow(version=previous_version, accuracy=accuracy)
        return None

    @cached_property
    def _findings(self) -> list[_PreviousRow]:
        return self.warehouse.fetch("backtest/select_previous_findings", _PreviousRow)

    @cached_property
    def _accepted(self) -> list[_Accepted]:
        rows = self.warehouse.fetch("backtest/select_acceptances", _AcceptedRow)
        return [_Accepted(row.accepted_at.replace(tzinfo=UTC), _histograms(row.image_statistics)) for row in rows]


def _held_against(
    baseline: Baseline, counts: WindowCounts, version: int, drift: DriftConfig, *, seed: int
) -> PreviousOnWindow:
    measured = measure_window(baseline, counts, drift=drift, seed=seed)
    confidences = {signal.name: signal.comparison for signal in measured.signals}.get("confidences")
    return PreviousOnWindow(version=version, accuracy=measured.accuracy, comparison=confidences)


def _histograms(image_statistics: str) -> dict[str, Histogram]:
    return {
        name: Histogram(edges=tuple(of["edges"]), counts=tuple(of["counts"]))
        for name, of in json.loads(image_statistics).items()
    }


def _latest_first(place: int, drift: DriftConfig) -> range:
    return range(place, max(-1, place - drift.of_windows), -1)


def _seed(window: WindowRange) -> int:
    """The same window draws the same, whatever the policy and however often it is replayed."""
    drawn_by = f"{window.version} {window.first_commit_seq} {window.last_commit_seq}"
    return int(hashlib.sha256(drawn_by.encode()).hexdigest()[:16], 16)
