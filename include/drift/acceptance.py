"""A person declares images that look broken the new normal: a new camera, another light."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from include.drift.checks import DriftCheck, read_check
from include.errors import AcceptanceRefusedError
from include.models.baseline import Histogram
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


class Acceptance(NamedTuple):
    """Who has declared the images of a check normal, and why."""

    check_id: str
    reason: str
    actor: str
    accepted_at: datetime
    """UTC."""

    @property
    def sentence(self) -> str:
        """The acceptance in a sentence."""
        return f"{self.actor} has declared the images of check {self.check_id} normal: {self.reason}"


class _AcceptedImages(NamedTuple):
    image_statistics: str | None


def accept_check(warehouse: Warehouse, check_id: str, *, reason: str, actor: str) -> Acceptance:
    """Declare what the images of a check look like the new normal: from now on, such images are drift of the data.

    Once is enough: where a check is accepted already, that stands, and is returned.

    Args:
        warehouse: A session, not in a transaction.
        check_id: A check that found broken images.
        reason: Why, in a sentence.
        actor: Who decided.

    Raises:
        UnknownCheckError: There is no such check.
        AcceptanceRefusedError: The check found something else, or only images that cannot be decoded, or there is no
            reason.
    """
    because = " ".join(reason.split())
    if not because:
        raise AcceptanceRefusedError(
            f'check {check_id} is not accepted without a reason, which mails will quote: --reason "a new camera"'
        )

    def insert() -> Acceptance:
        _refuse_what_is_not_broken(read_check(warehouse, check_id))
        known = find_acceptance(warehouse, check_id)
        if known is not None:
            return known
        warehouse.run("drift/insert_acceptance", check_id=check_id, accepted_because=because, actor=actor)
        return _acceptances(warehouse, check_id)[0]

    accepted = warehouse.alone(insert)
    log.info("%s", accepted.sentence)
    return accepted


def find_acceptance(warehouse: Warehouse, check_id: str) -> Acceptance | None:
    """Return who has accepted a check; None: nobody has."""
    return next(iter(_acceptances(warehouse, check_id)), None)


def read_accepted_images(warehouse: Warehouse) -> tuple[Mapping[str, Histogram], ...]:
    """Return how the images look that people have declared normal, one for each check that was accepted."""
    rows = warehouse.fetch("drift/select_accepted_images", _AcceptedImages)
    return tuple(_histograms(json.loads(row.image_statistics)) for row in rows if row.image_statistics)


def _acceptances(warehouse: Warehouse, check_id: str) -> list[Acceptance]:
    rows = warehouse.fetch("drift/select_acceptance", Acceptance, check_id=check_id)
    return [row._replace(accepted_at=row.accepted_at.replace(tzinfo=UTC)) for row in rows]


def _refuse_what_is_not_broken(check: DriftCheck) -> None:
    if check.verdict != "BROKEN_IMAGES":
        raise AcceptanceRefusedError(
            f"check {check.check_id} found {check.verdict}: only BROKEN_IMAGES can be declared the new normal"
        )
    jumps = check.statistics.get("jumps", ())
    if jumps and all(jump["statistic"] == "undecodable" for jump in jumps):
        raise AcceptanceRefusedError(
            f"check {check.check_id} found images that cannot be decoded, which no one can learn from: mend the files, "
            "or what sends them"
        )


def _histograms(statistics: Mapping[str, Any]) -> dict[str, Histogram]:
    return {name: Histogram(edges=tuple(of["edges"]), counts=tuple(of["counts"])) for name, of in statistics.items()}
