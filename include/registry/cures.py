"""What challengers do about the drift that they were trained for, in the warehouse: once for a version and a check."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from include.errors import ArtefactError
from include.models.gate import Cure
from include.warehouse.session import Warehouse


class _Row(NamedTuple):
    check_id: str
    cures: bool | None
    reasons: str


def find_cure(warehouse: Warehouse, *, version: int, check_id: str) -> Cure | None:
    """Return what was found about a version and the drift of a check, or None if nobody has looked yet."""
    row = warehouse.fetch_one("registry/select_cure", _Row, version=version, check_id=check_id)
    if row is None:
        return None
    return Cure(check_id=row.check_id, cures=row.cures, reasons=tuple(json.loads(row.reasons)))


def read_cure(warehouse: Warehouse, *, version: int, check_id: str) -> Cure:
    """Return what was found about a version and the drift of a check.

    Raises:
        ArtefactError: Nobody has looked.
    """
    cure = find_cure(warehouse, version=version, check_id=check_id)
    if cure is None:
        raise ArtefactError(
            f"CURE_CHECKS does not say whether version {version} cures the drift of check {check_id}: run the task "
            "check_cure again"
        )
    return cure


def insert_cure(warehouse: Warehouse, cure: Cure, *, version: int, evidence: Mapping[str, Any], run_id: str) -> Cure:
    """Store what was found, unless it is there; what is there counts, and is returned.

    Args:
        warehouse: A session, not in a transaction.
        cure: What was found.
        version: The challenger.
        evidence: The figures that it rests on, ready for JSON.
        run_id: The run that trained the challenger.
    """

    def insert() -> Cure:
        warehouse.run(
            "registry/insert_cure",
            version=version,
            check_id=cure.check_id,
            cures=cure.cures,
            evidence=json.dumps(evidence, allow_nan=False, sort_keys=True),
            reasons=json.dumps(cure.reasons),
            run_id=run_id,
        )
        return read_cure(warehouse, version=version, check_id=cure.check_id)

    return warehouse.alone(insert)
