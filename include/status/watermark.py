"""Up to where a pipeline's tables go: while it stays the same, so does what is shown of them."""

import hashlib
from datetime import datetime
from typing import NamedTuple

from include.registry.status import LATE_S
from include.warehouse.session import Warehouse


class Watermark(NamedTuple):
    """The latest of everything that the page shows."""

    event_seq: int | None
    commit_seq: int | None
    checked_at: datetime | None
    labelled_at: datetime | None
    asked_at: datetime | None
    n_not_expired: int
    ran_at: datetime | None
    compared_at: datetime | None
    accepted_at: datetime | None
    n_forgotten: int
    n_late_alerts: int

    @property
    def digest(self) -> str:
        """The watermark in a few letters."""
        return hashlib.sha256("|".join(map(str, self)).encode()).hexdigest()[:16]


def read_watermark(warehouse: Warehouse) -> Watermark:
    """Return the pipeline's watermark; its statement scans nothing but the ends of columns."""
    return warehouse.fetch("status/select_watermark", Watermark, seconds=LATE_S)[0]
