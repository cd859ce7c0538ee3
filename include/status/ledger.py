"""The ledger as a page shows it: what was decided about versions, newest first."""

from dataclasses import dataclass
from datetime import UTC

from include.registry.ledger import LedgerEvent
from include.warehouse.session import Warehouse

PAGE_SIZE = 25
"""Events on a page."""


@dataclass(frozen=True, kw_only=True)
class LedgerPage:
    """The panel: a page of the ledger."""

    lines: tuple[LedgerEvent, ...]
    """Their times are UTC."""
    older_than: int | None
    """The event before which the next page begins; None: this is the last one."""


def read_ledger(warehouse: Warehouse, *, before_event_seq: int | None = None) -> LedgerPage:
    """Return a page of the ledger.

    Args:
        warehouse: A session on the pipeline's schema.
        before_event_seq: The page shows what was decided before this event; None: the latest page.
    """
    rows = warehouse.fetch(
        "status/select_ledger", LedgerEvent, before_event_seq=before_event_seq, n_events=PAGE_SIZE + 1
    )
    shown = rows[:PAGE_SIZE]
    return LedgerPage(
        lines=tuple(event._replace(at=event.at.replace(tzinfo=UTC)) for event in shown),
        older_than=shown[-1].event_seq if len(rows) > PAGE_SIZE else None,
    )
