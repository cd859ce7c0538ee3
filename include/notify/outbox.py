"""What waits in the outbox: claimed by one deliverer at a time, marked as delivered, or tried again after a while."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from include.warehouse.session import Warehouse

CLAIM_S = 300
"""How long an alert is left to whoever has claimed it. Longer than all its channels together may take."""
FIRST_PAUSE_S = 60
LONGEST_PAUSE_S = 3600
_MAX_ERROR = 500
"""Characters of an error that are kept."""


class Alert(NamedTuple):
    """Something that people are told."""

    alert_id: str
    kind: str
    """One of `AlertKind`; of a newer release perhaps another one."""
    run_id: str
    """The run that tells it, as RUNS names it."""
    about: Mapping[str, Any]
    """What the fact is found by."""
    created_at: datetime
    """UTC."""
    n_tries: int
    """How often it has failed."""
    delivered_to: tuple[str, ...]
    """The channels that it has gone through."""

    @property
    def key(self) -> str:
        """What names it among the alerts of all pipelines and installations, the same at each try: a message's id."""
        return f"{self.alert_id}.{self.created_at:%Y%m%d%H%M%S%f}"


class _Row(NamedTuple):
    alert_id: str
    kind: str
    run_id: str
    about: str
    created_at: datetime
    n_tries: int
    delivered_to: str | None


class _Seconds(NamedTuple):
    seconds: int | None


def claim_next(warehouse: Warehouse) -> Alert | None:
    """Claim what has been due the longest, for `CLAIM_S`, or return None if nothing is due.

    Args:
        warehouse: A session, not in a transaction.
    """

    def claim() -> _Row | None:
        row = _next_due(warehouse)
        if row is not None:
            warehouse.run("alerts/claim_alert", alert_id=row.alert_id, seconds=CLAIM_S)
        return row

    if _next_due(warehouse) is None:  # mostly: nobody has to be kept waiting for that
        return None
    row = warehouse.alone(claim)
    return _alert(row) if row else None


def note_delivered_to(warehouse: Warehouse, alert: Alert, channels: Sequence[str]) -> None:
    """Note through which channels an alert has gone, all of them so far."""
    delivered_to = json.dumps(channels)
    warehouse.alone(
        lambda: warehouse.run("alerts/set_delivered_to", alert_id=alert.alert_id, delivered_to=delivered_to)
    )


def mark_delivered(warehouse: Warehouse, alert: Alert) -> None:
    """Note that an alert has gone through all channels."""
    warehouse.alone(lambda: warehouse.run("alerts/mark_delivered", alert_id=alert.alert_id))


def mark_failed(warehouse: Warehouse, alert: Alert, error: str) -> None:
    """Note that an alert could not be delivered: it is due again after a pause.

    Args:
        warehouse: A session, not in a transaction.
        alert: The alert, claimed.
        error: Why, without secrets.
    """
    pause = pause_after(alert.n_tries + 1)
    warehouse.alone(
        lambda: warehouse.run("alerts/mark_failed", alert_id=alert.alert_id, seconds=pause, error=error[:_MAX_ERROR])
    )


def mark_dropped(warehouse: Warehouse, alert: Alert, *, error: str | None) -> None:
    """Note that an alert is told to nobody: it is no longer wanted, or cannot be told any more (`error`)."""
    error = error and error[:_MAX_ERROR]
    warehouse.alone(lambda: warehouse.run("alerts/mark_dropped", alert_id=alert.alert_id, error=error))


def pause_after(n_tries: int) -> int:
    """Return how many seconds to wait after so many failed tries, at least one: twice as many each time."""
    pause = FIRST_PAUSE_S
    for _ in range(1, n_tries):
        pause = min(2 * pause, LONGEST_PAUSE_S)
    return pause


def seconds_to_next(warehouse: Warehouse) -> int | None:
    """Return in how many seconds there is something to deliver, 0 or less: now; None: nothing waits."""
    row = warehouse.fetch_one("alerts/select_next_delivery", _Seconds)
    return row.seconds if row else None


def _next_due(warehouse: Warehouse) -> _Row | None:
    return warehouse.fetch_one("alerts/select_next_due", _Row)


def _alert(row: _Row) -> Alert:
    return Alert(
        alert_id=row.alert_id,
        kind=row.kind,
        run_id=row.run_id,
        about=json.loads(row.about),
        created_at=row.created_at.replace(tzinfo=UTC),
        n_tries=row.n_tries,
        delivered_to=tuple(json.loads(row.delivered_to)) if row.delivered_to else (),
    )
