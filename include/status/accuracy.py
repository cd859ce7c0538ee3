"""How accurate the champion was from window to window: as estimated without labels, and as labels have shown since."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from include.drift.statistics.accuracy import MIN_LABELS, Realised
from include.status.verdicts import ChampionChange, read_champion_changes
from include.warehouse.session import Warehouse

_N_CHECKS = 300
"""How many of the latest windows are shown."""


class Interval(NamedTuple):
    """A share with its confidence interval of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class WindowAccuracy:
    """What is known of the accuracy on one window."""

    check_id: str
    version: int
    n_images: int
    checked_at: datetime
    """UTC."""
    accepted: float | None
    """That of the same version on its held-out images, when it was accepted; None: not known."""
    estimated: Interval | None
    """From confidences; None: it could not be estimated."""
    is_trusted: bool
    """False: the images are so different that the estimate is too high by any amount."""
    measured: Interval | None
    """On labels of randomly picked images; None: there is none."""
    n_labelled: int

    @property
    def has_enough_labels(self) -> bool:
        """Whether what was measured wins over the estimate."""
        return self.n_labelled >= MIN_LABELS


@dataclass(frozen=True, kw_only=True)
class AccuracyOverTime:
    """The panel: the accuracy of each window, oldest first."""

    windows: tuple[WindowAccuracy, ...]
    changes: tuple[ChampionChange, ...]
    min_labels: int = MIN_LABELS
    """With fewer labels of a window, its estimate decides."""


class _Row(NamedTuple):
    check_id: str
    version: int
    n_images: int
    accuracy: str | None
    n_labelled: int
    n_right: int
    checked_at: datetime


def read_accuracy(warehouse: Warehouse) -> AccuracyOverTime:
    """Return the accuracy of the latest windows, estimated and measured.

    Args:
        warehouse: A session on the pipeline's schema.
    """
    rows = warehouse.fetch("status/select_accuracies", _Row, n_checks=_N_CHECKS)
    windows = tuple(_window(row) for row in reversed(rows))
    return AccuracyOverTime(windows=windows, changes=read_champion_changes(warehouse))


def _window(row: _Row) -> WindowAccuracy:
    found: dict[str, Any] = json.loads(row.accuracy or "null") or {}
    estimates = found.get("estimates") or ()
    return WindowAccuracy(
        check_id=row.check_id,
        version=row.version,
        n_images=row.n_images,
        checked_at=row.checked_at.replace(tzinfo=UTC),
        accepted=found.get("baseline"),
        estimated=Interval(estimates[0]["value"], estimates[0]["low"], estimates[0]["high"]) if estimates else None,
        is_trusted=found.get("is_trusted", True),
        measured=_measured(row),
        n_labelled=row.n_labelled,
    )


def _measured(row: _Row) -> Interval | None:
    if not row.n_labelled:
        return None
    realised = Realised(n_images=row.n_labelled, n_right=row.n_right)
    return Interval(realised.accuracy, *realised.interval)
