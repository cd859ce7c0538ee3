"""How sure the champion is of new images, beside how sure it was of the held-out ones when it was accepted."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from include.config import PipelineConfig
from include.drift.arbiter.verdict import Verdict
from include.drift.checks import DriftCheck, read_check
from include.drift.evidence import Window, count_bins
from include.drift.report.band import chance_band, cumulated
from include.models.baseline import total_counts
from include.notify.check_facts import measured
from include.status.champion import read_in_production
from include.warehouse.session import Warehouse


class SignalLine(NamedTuple):
    """A distance beside its threshold."""

    name: str
    distance: float
    threshold: float
    """What the distance exceeds, without drift, in hardly any window."""

    @property
    def times(self) -> float:
        """How many thresholds the distance is; one of 0 is always exceeded."""
        return self.distance / self.threshold if self.threshold else float(self.distance > 0)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The answers of a window beside the baseline: the share of answers that are at most so sure."""

    edges: tuple[float, ...]
    """Confidences, from the lowest to 1."""
    baseline: tuple[float, ...]
    """The share of the held-out answers below each edge."""
    window: tuple[float, ...]
    """The same of the window's."""
    low: tuple[float, ...]
    """Between this and `high` a window without drift lies at all edges, in all but `false_alarm_rate` of cases."""
    high: tuple[float, ...]
    n_baseline: int
    n_window: int
    false_alarm_rate: float
    check_id: str | None
    """The check that has judged the window; None: none has yet, the answers still wait."""
    verdict: Verdict | None
    checked_at: datetime | None
    """UTC."""
    signals: tuple[SignalLine, ...]
    """What the check has measured; empty: nothing yet."""

    @property
    def leaves_band(self) -> bool:
        """Whether the window lies outside of the band at some edge."""
        return any(not low <= share <= high for low, share, high in zip(self.low, self.window, self.high, strict=True))


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """The panel: the champion's latest window over its baseline."""

    version: int | None
    """The champion; None: there is none yet."""
    window_size: int
    """A check judges so many answers, or more."""
    n_waiting: int
    """Answers that no check has judged yet."""
    compared: Compared | None
    """None: there is no answer, or no baseline to compare it with."""


class _Baseline(NamedTuple):
    edges: tuple[float, ...]
    counts: tuple[int, ...]


class _BaselineRow(NamedTuple):
    edges: str
    counts: str


class _CheckId(NamedTuple):
    check_id: str


def read_confidence(warehouse: Warehouse, config: PipelineConfig) -> Confidence:
    """Return the latest window that was judged beside the champion's baseline, else the answers that wait for a check.

    Args:
        warehouse: A session on the pipeline's schema.
        config: The pipeline: when a window is full, and how often a band may be left by chance.
    """
    champion = read_in_production(warehouse)
    if champion is None:
        return Confidence(version=None, window_size=config.drift.window, n_waiting=0, compared=None)
    waiting = warehouse.fetch("status/select_waiting_answers", Window, version=champion.version)[0]
    judged = warehouse.fetch_one("status/select_judged_check", _CheckId, champion_event_seq=champion.event_seq)
    if judged is not None:
        compared = _judged(warehouse, read_check(warehouse, judged.check_id), config)
    else:
        compared = _waiting(warehouse, champion.version, waiting, config) if waiting.n_images else None
    return Confidence(
        version=champion.version,
        window_size=config.drift.window,
        n_waiting=waiting.n_images,
        compared=compared,
    )


def _judged(warehouse: Warehouse, check: DriftCheck, config: PipelineConfig) -> Compared | None:
    """Return what a check has counted: it is kept with the verdict."""
    counts_by_class = (check.evidence or {}).get("counts_by_class", {})
    baseline = _read_baseline(warehouse, check.version)
    if baseline is None:
        return None
    counts = total_counts(counts_by_class, n_bins=len(baseline.counts))
    return _compared(
        baseline,
        counts,
        false_alarm_rate=check.thresholds.get("false_alarm_rate", config.drift.false_alarm_rate),
        seed=int(check.check_id, 16),
        check=check,
    )


def _waiting(warehouse: Warehouse, version: int, waiting: Window, config: PipelineConfig) -> Compared | None:
    baseline = _read_baseline(warehouse, version)
    if baseline is None:
        return None
    counts = [0] * len(baseline.counts)
    for row in count_bins(warehouse, version=version, window=waiting, edges=baseline.edges):
        if row.bin is not None:
            counts[row.bin] += row.n_images
    rate = config.drift.false_alarm_rate
    return _compared(baseline, tuple(counts), false_alarm_rate=rate, seed=version, check=None)


def _read_baseline(warehouse: Warehouse, version: int) -> _Baseline | None:
    row = warehouse.fetch_one("status/select_baseline_counts", _BaselineRow, version=version)
    return _Baseline(tuple(json.loads(row.edges)), tuple(json.loads(row.counts))) if row else None


def _compared(
    baseline: _Baseline, counts: tuple[int, ...], *, false_alarm_rate: float, seed: int, check: DriftCheck | None
) -> Compared | None:
    """Return both sides and the band; None if one of them holds nothing."""
    if not sum(baseline.counts) or not sum(counts):
        return None
    expected, found = cumulated(baseline.counts, baseline.edges), cumulated(counts, baseline.edges)
    band = chance_band(expected, found, false_alarm_rate=false_alarm_rate, seed=seed)
    return Compared(
        edges=expected.edges,
        baseline=_numbers(expected.shares),
        window=_numbers(found.shares),
        low=_numbers(band.low),
        high=_numbers(band.high),
        n_baseline=sum(baseline.counts),
        n_window=sum(counts),
        false_alarm_rate=false_alarm_rate,
        check_id=check.check_id if check else None,
        verdict=check.verdict if check else None,
        checked_at=check.checked_at if check else None,
        signals=_signals(check) if check else (),
    )


def _signals(check: DriftCheck) -> tuple[SignalLine, ...]:
    return tuple(
        SignalLine(found.name, found.distance, found.threshold) for found in measured(check) if found.of_version is None
    )


def _numbers(shares: Any) -> tuple[float, ...]:
    """Return shares as they are drawn: to a hundredth of a per cent."""
    return tuple(round(float(share), 4) for share in shares)
