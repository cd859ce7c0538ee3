"""What the drift checks have said over time, and when another version took over."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from include.drift.arbiter.verdict import Action, Verdict
from include.drift.report.titles import TITLES, Tone, tone_of
from include.drift.statistics.signals import SignalName
from include.registry.ledger import LedgerEvent
from include.warehouse.session import Warehouse

N_CHECKS = 300
"""How many of the latest verdicts are shown: more cannot be told apart in one chart."""
_N_EVENTS = 100


@dataclass(frozen=True, kw_only=True)
class VerdictPoint:
    """A verdict, and how far what spoke loudest was from its threshold."""

    check_id: str
    run_id: str
    version: int
    n_images: int
    verdict: Verdict
    action: Action
    reason: str
    """The first of its reasons."""
    signal: SignalName | None
    """What spoke loudest; None: nothing did."""
    times: float | None
    """How many thresholds the distance was; None: nothing was compared."""
    checked_at: datetime
    """UTC."""

    @property
    def title(self) -> str:
        """The verdict in a few words."""
        return TITLES[self.verdict]

    @property
    def tone(self) -> Tone:
        """How it is to be taken."""
        return tone_of(self.verdict)


@dataclass(frozen=True, kw_only=True)
class ChampionChange:
    """Another version became champion."""

    event: Literal["PROMOTED", "ROLLED_BACK"]
    version: int
    """Of a rollback the one restored."""
    from_version: int | None
    actor: str
    reason: str | None
    at: datetime
    """UTC."""


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """The panel: verdicts, oldest first, and the changes of champion in the same time."""

    points: tuple[VerdictPoint, ...]
    changes: tuple[ChampionChange, ...]


class _CheckRow(NamedTuple):
    check_id: str
    run_id: str
    version: int
    n_images: int
    verdict: Verdict
    action: Action
    reasons: str
    signal: SignalName | None
    score: float | None
    threshold: float | None
    checked_at: datetime


def read_verdicts(warehouse: Warehouse) -> Verdicts:
    """Return the latest verdicts and changes of champion.

    Args:
        warehouse: A session on the pipeline's schema.
    """
    rows = warehouse.fetch("status/select_verdicts", _CheckRow, n_checks=N_CHECKS)
    return Verdicts(points=tuple(_point(row) for row in reversed(rows)), changes=read_champion_changes(warehouse))


def read_champion_changes(warehouse: Warehouse) -> tuple[ChampionChange, ...]:
    """Return the latest promotions and rollbacks, oldest first."""
    events = warehouse.fetch("status/select_champion_changes", LedgerEvent, n_events=_N_EVENTS)
    return tuple(_change(event) for event in reversed(events))


def _point(row: _CheckRow) -> VerdictPoint:
    reasons = json.loads(row.reasons)
    return VerdictPoint(
        check_id=row.check_id,
        run_id=row.run_id,
        version=row.version,
        n_images=row.n_images,
        verdict=row.verdict,
        action=row.action,
        reason=reasons[0] if reasons else "",
        signal=row.signal,
        times=row.score / row.threshold if row.score is not None and row.threshold else None,
        checked_at=row.checked_at.replace(tzinfo=UTC),
    )


def _change(event: LedgerEvent) -> ChampionChange:
    return ChampionChange(
        event="PROMOTED" if event.event == "PROMOTED" else "ROLLED_BACK",
        version=event.version or 0,
        from_version=event.from_version,
        actor=event.actor,
        reason=event.reason,
        at=event.at.replace(tzinfo=UTC),
    )
