"""Which version is in production, by its number alone: one of many classes has megabytes of metrics."""

from datetime import UTC, datetime
from typing import NamedTuple

from include.warehouse.session import Warehouse


class InProduction(NamedTuple):
    """The champion, by its number."""

    version: int
    event_seq: int
    """The event that made it champion."""
    since: datetime
    """UTC."""


class _Row(NamedTuple):
    version: int
    event_seq: int
    at: datetime


def read_in_production(warehouse: Warehouse) -> InProduction | None:
    """Return the champion, or None if no version was promoted yet."""
    row = warehouse.fetch_one("status/select_champion", _Row)
    return InProduction(row.version, row.event_seq, row.at.replace(tzinfo=UTC)) if row else None
