"""The picture of a drift check, for a mail."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from include.notify.check_facts import measured
from include.notify.mail import Picture
from include.store.reports import picture_path

if TYPE_CHECKING:  # a task that only tells something needs none of what they import
    from include.drift.checks import DriftCheck
    from include.store.files import FileStore

log = logging.getLogger(__name__)


def check_picture(store: FileStore, check: DriftCheck) -> Picture | None:
    """Return the picture of the window that a check is about; None: there is none, or it cannot be read.

    Args:
        store: The pipeline's files.
        check: The check.
    """
    # a check that goes on with what an earlier one found has no window of its own
    of_check = str(check.statistics.get("open_drift", check.check_id))
    path = picture_path(of_check)
    try:
        if not store.exists(path):
            return None
        content = store.read(path)
    except Exception as error:  # noqa: BLE001 - file systems have exceptions of their own, and a mail is worth more
        log.warning("the mail has no picture: %s", " ".join(str(error).split()))
        return None
    figures = "; ".join(
        f"{one.name.lower()} {one.distance:.2f} (threshold {one.threshold:.2f})"
        for one in measured(check)
        if one.of_version is None
    )
    description = (
        "how confident the new answers are, beside the baseline and the band that chance explains, and the distance of "
        f"each signal beside its threshold{': ' if figures else ''}{figures}"
    )
    return Picture(name=f"drift-{of_check}.png", content=content, description=description)
