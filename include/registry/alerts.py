"""The outbox: what people are told is stored in the transaction of the fact that it reports, and delivered later."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from include.warehouse.session import Warehouse

AlertKind = Literal[
    "drift",
    "labels",
    "broken",
    "approval",
    "reminder",
    "answered",
    "refused",
    "promoted",
    "rolled_back",
    "failed",
]


def enqueue(
    warehouse: Warehouse, kind: AlertKind, *, run_id: str, about: Mapping[str, Any], due_at: datetime | None = None
) -> None:
    """Put an alert into the outbox, to be called in the `alone` transaction of the fact; put twice, it is there once.

    Args:
        warehouse: A session, in an `alone` transaction.
        kind: What is told.
        run_id: The run that tells it, as RUNS names it.
        about: What the fact is found by: check_id, version, event_seq, request_id and the like.
        due_at: When it is told at the earliest, aware; None: at once.
    """
    facts = json.dumps(about, sort_keys=True)
    warehouse.run(
        "alerts/insert_alert",
        alert_id=hashlib.sha256(json.dumps([kind, run_id, facts]).encode()).hexdigest()[:16],
        kind=kind,
        run_id=run_id,
        about=facts,
        due_at=None if due_at is None else due_at.astimezone(UTC).replace(tzinfo=None),
    )
