"""A version that may become champion, as it goes from the evaluation to the gate."""

from dataclasses import dataclass
from typing import Any

from include.errors import ArtefactError, ConfigError
from include.handover import Handover
from include.models.evidence import PairedEvidence
from include.registry.ledger import read_version
from include.warehouse.session import Warehouse

EVIDENCE = "gate"
"""Where the evidence stands in METRICS."""


@dataclass(frozen=True, kw_only=True)
class Challenger(Handover):
    """A registered version that may become champion. What the gate judges stands with the version, in METRICS."""

    version: int
    champion_event_seq: int
    """The champion that it was compared with, by the event that made it so."""


def read_evidence(warehouse: Warehouse, version: int) -> PairedEvidence:
    """Return what was found when a version was compared with the champion.

    Raises:
        ArtefactError: There is no such version, or it was registered without evidence.
    """
    stored: Any = read_version(warehouse, version).metrics.get(EVIDENCE)
    try:
        return PairedEvidence.from_json(stored)
    except ConfigError as error:
        raise ArtefactError(f"METRICS of version {version} does not say what it is to be judged on: {error}") from error
