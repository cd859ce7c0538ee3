"""The latest version against the champion of its time, on the same test images."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from include.models.evidence import PairedEvidence, SharedClass
from include.registry.cures import find_cure
from include.registry.history import State, VersionHistory, read_history
from include.warehouse.session import Warehouse

_N_CLASSES = 15
"""The classes whose recall has changed most are shown, at most so many."""


@dataclass(frozen=True, kw_only=True)
class ClassDifference:
    """How many test images of a class both recognise."""

    label: str
    n_images: int
    champion_recall: float
    challenger_recall: float

    @property
    def difference(self) -> float:
        """How much more of the class the challenger recognises."""
        return self.challenger_recall - self.champion_recall


@dataclass(frozen=True, kw_only=True)
class Duel:
    """Both versions' answers to the same test images."""

    champion: int
    """The champion that it was compared with."""
    n_images: int
    """Test images that both have answered; neither was trained on them."""
    champion_accuracy: float
    challenger_accuracy: float
    n_only_champion: int
    """Images that only the champion has answered rightly."""
    n_only_challenger: int
    n_left_out: int
    """Test images on which one of the two was trained."""
    n_classes: int
    """Classes that both know and that were tested."""
    classes: tuple[ClassDifference, ...]
    """Those of them whose recall has changed most, the largest change first."""

    @property
    def difference(self) -> float:
        """How much more the challenger answers rightly."""
        return self.challenger_accuracy - self.champion_accuracy


class NewClassLine(NamedTuple):
    """A class that the champion does not know."""

    label: str
    n_images: int
    recall: float | None


@dataclass(frozen=True, kw_only=True)
class LatestVersion:
    """A version, and how it did against the champion."""

    version: int
    state: State
    """What it is today."""
    trained_at: datetime
    """UTC."""
    accuracy: float | None
    """On all its test images."""
    n_test_images: int | None
    is_gate_passed: bool | None
    """None: it was not judged."""
    gate_reason: str | None
    cures: bool | None
    """Whether it cures the drift that it was trained for; None: that was not asked, or could not be told."""
    cure_reasons: tuple[str, ...]
    duel: Duel | None
    """None: there was no champion, or nothing could be compared."""
    new_classes: tuple[NewClassLine, ...]
    vanished_classes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Challenger:
    """The panel: the latest version beside the champion that it was compared with."""

    latest: LatestVersion | None
    """None: there is no version yet."""


class _Evidence(NamedTuple):
    evidence: str | None


def read_challenger(warehouse: Warehouse) -> Challenger:
    """Return the latest version beside the champion that it was compared with.

    Args:
        warehouse: A session on the pipeline's schema.
    """
    versions = read_history(warehouse, limit=1)
    return Challenger(latest=_described(warehouse, versions[0]) if versions else None)


def _described(warehouse: Warehouse, found: VersionHistory) -> LatestVersion:
    compared = _read_evidence(warehouse, found.version)
    cure = find_cure(warehouse, version=found.version, check_id=found.check_id) if found.check_id else None
    return LatestVersion(
        version=found.version,
        state=found.state,
        trained_at=found.created_at,
        accuracy=found.accuracy,
        n_test_images=found.n_test_images,
        is_gate_passed=found.gate.is_passed if found.gate else None,
        gate_reason=found.gate.reason if found.gate else None,
        cures=cure.cures if cure else None,
        cure_reasons=cure.reasons if cure else (),
        duel=_duel(compared) if compared else None,
        new_classes=_new_classes(compared) if compared else (),
        vanished_classes=compared.vanished_classes if compared else (),
    )


def _read_evidence(warehouse: Warehouse, version: int) -> PairedEvidence | None:
    """Return what the gate has judged, without the rest of the metrics, which grows with the square of the classes."""
    row = warehouse.fetch_one("status/select_gate_evidence", _Evidence, version=version)
    stored = json.loads(row.evidence or "null") if row else None
    return PairedEvidence.from_json(stored) if stored else None


def _duel(compared: PairedEvidence) -> Duel | None:
    both = compared.discordant
    if compared.champion_version is None or not both.n_images:
        return None
    champion_accuracy, challenger_accuracy = compared.compared_accuracies
    tested = [_difference(shared) for shared in compared.shared_classes if shared.n_images]
    tested.sort(key=lambda one: (-abs(one.difference), one.label))
    return Duel(
        champion=compared.champion_version,
        n_images=both.n_images,
        champion_accuracy=champion_accuracy,
        challenger_accuracy=challenger_accuracy,
        n_only_champion=both.n_only_champion,
        n_only_challenger=both.n_only_challenger,
        n_left_out=compared.n_left_out,
        n_classes=len(tested),
        classes=tuple(tested[:_N_CLASSES]),
    )


def _difference(shared: SharedClass) -> ClassDifference:
    return ClassDifference(
        label=shared.label,
        n_images=shared.n_images,
        champion_recall=shared.n_champion_right / shared.n_images,
        challenger_recall=shared.n_challenger_right / shared.n_images,
    )


def _new_classes(compared: PairedEvidence) -> tuple[NewClassLine, ...]:
    return tuple(NewClassLine(new.label, new.n_images, new.recall) for new in compared.new_classes)
