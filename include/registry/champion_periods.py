"""Which version was champion when, and which one it would have been rolled back to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from include.warehouse.session import Warehouse


@dataclass(frozen=True, kw_only=True)
class ChampionPeriod:
    """The time from one promotion or rollback to the next."""

    event_seq: int
    """The event that it began with."""
    version: int
    """The champion."""
    previous_version: int | None
    """The last champion before it that had not been recalled by then; None: there was none."""
    started_at: datetime


class MadeChampion(NamedTuple):
    """An event that made a version champion."""

    event_seq: int
    event: str
    version: int
    at: datetime


def read_champion_periods(warehouse: Warehouse) -> tuple[ChampionPeriod, ...]:
    """Return who was champion, in order."""
    return champion_periods(warehouse.fetch("registry/select_champions", MadeChampion))


def champion_periods(events: Sequence[MadeChampion]) -> tuple[ChampionPeriod, ...]:
    """Return the periods that events make, as the view SERVING_VERSIONS would have shown them at each time.

    Args:
        events: All promotions and rollbacks, in order.
    """
    promoted_by: dict[int, int] = {}
    recalled: set[int] = set()
    periods = []
    for event in events:
        if event.event == "PROMOTED":
            promoted_by[event.version] = event.event_seq
        else:
            since = promoted_by.get(event.version, event.event_seq)
            recalled = {version for version in recalled if version != event.version} | {
                version for version, seq in promoted_by.items() if seq > since
            }
        serving = {version: seq for version, seq in promoted_by.items() if version not in {*recalled, event.version}}
        periods.append(
            ChampionPeriod(
                event_seq=event.event_seq,
                version=event.version,
                previous_version=max(serving, key=serving.__getitem__) if serving else None,
                started_at=event.at,
            )
        )
    return tuple(periods)
