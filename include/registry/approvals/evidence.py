"""What is shown to those who let a challenger into production, and the digests that bind their answer to it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from include.catalog.manifest import read_manifest_digest
from include.errors import ArtefactError, SnapshotError
from include.handover import Handover
from include.models.evidence import PairedEvidence
from include.models.gate import GateResult
from include.registry.model_files import digest_files
from include.warehouse.session import Warehouse


@dataclass(frozen=True, kw_only=True)
class Digests(Handover):
    """What a version is, as SHA-256 in hexadecimal."""

    weights: str
    """Of the file in the stage."""
    card: str
    """Of the file in the stage; MODEL_VERSIONS names it, and the card names the weights."""
    snapshot: str
    """Of the rows of SNAPSHOT_IMAGES: the snapshot's id, unless somebody has changed them."""
    evaluation: str
    """Of METRICS in its canonical form (sorted keys, no spaces)."""


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """How many test images of a class champion and challenger recognise."""

    label: str
    n_images: int
    n_champion_right: int | None
    """None: the champion does not know the class, or there is no champion."""
    n_challenger_right: int

    @property
    def recall(self) -> float | None:
        """The challenger's; None: there is no test image."""
        return self.n_challenger_right / self.n_images if self.n_images else None

    @property
    def champion_recall(self) -> float | None:
        """The champion's, on the same images."""
        known = self.n_champion_right is not None and self.n_images
        return (self.n_champion_right or 0) / self.n_images if known else None

    @property
    def difference(self) -> float | None:
        """How much more of the class the challenger recognises."""
        if self.recall is None or self.champion_recall is None:
            return None
        return self.recall - self.champion_recall


@dataclass(frozen=True, kw_only=True)
class ClassChange:
    """How many different images of a class the challenger's snapshot has, and how that came from the champion's.

    n_images = n_before + n_added - n_removed + n_relabelled_to - n_relabelled_from.
    """

    label: str
    n_images: int
    n_before: int
    n_added: int
    n_removed: int
    n_relabelled_to: int
    """Images that were of another class in the champion's snapshot."""
    n_relabelled_from: int
    """Images of this class in the champion's snapshot that are of another one now."""


@dataclass(frozen=True, kw_only=True)
class PromotionEvidence(Handover):
    """What a request for a promotion shows: a challenger that has passed the gate, against the champion."""

    digests: Digests
    champion_version: int | None
    """None: there is no champion yet."""
    champion_snapshot_id: str | None
    gate_reasons: tuple[str, ...]
    """What the gate says, a sentence each."""
    n_test_images: int
    accuracy: float
    """On all test images."""
    compared_accuracy: float | None
    """On those that both answered; None: nothing was compared."""
    champion_accuracy: float | None
    """On the same."""
    classes: tuple[ClassFigures, ...]
    vanished_classes: tuple[str, ...]
    changes: tuple[ClassChange, ...]


class Registered(NamedTuple):
    """What an approval of a version is bound to, as MODEL_VERSIONS has it."""

    snapshot_id: str
    artifact_path: str
    sha256: str
    metrics: str


class _ChangeRow(NamedTuple):
    label: str
    n_images: int
    n_before: int
    n_added: int
    n_removed: int
    n_relabelled_to: int
    n_relabelled_from: int


def digest_version(warehouse: Warehouse, version: int) -> Digests:
    """Return the digests of what there is of a version now: its files in the stage, its snapshot, its evaluation.

    Raises:
        ArtefactError: There is no such version, its files are not there, or the card is not what the ledger says.
    """
    registered = _read_registered(warehouse, version)
    files = digest_files(warehouse, registered.artifact_path)
    if files.card != registered.sha256:
        raise ArtefactError(
            f"the card of version {version} has the SHA-256 {files.card[:12]}…, MODEL_VERSIONS says "
            f"{registered.sha256[:12]}…: it is not the one that was registered"
        )
    return Digests(
        weights=files.weights,
        card=files.card,
        snapshot=read_manifest_digest(warehouse, registered.snapshot_id),
        evaluation=canonical_digest(json.loads(registered.metrics)),
    )


def canonical_digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def gather_evidence(
    warehouse: Warehouse, version: int, *, compared: PairedEvidence, result: GateResult
) -> PromotionEvidence:
    """Gather what people are shown before they let a challenger into production.

    Args:
        warehouse: A session.
        version: The challenger.
        compared: What it and the champion answered to the same images.
        result: What the gate says of it.

    Raises:
        ArtefactError: Its files are not what the ledger says.
        SnapshotError: Its snapshot is not what its id says.
    """
    registered = _read_registered(warehouse, version)
    digests = digest_version(warehouse, version)
    if digests.snapshot != registered.snapshot_id:
        raise SnapshotError(
            f"SNAPSHOT_IMAGES does not hold what snapshot {registered.snapshot_id[:12]} was frozen with: somebody has "
            "changed its rows, so nobody is asked to promote what was trained on it; train again"
        )
    champion = compared.champion_version
    of_champion = _read_registered(warehouse, champion).snapshot_id if champion is not None else None
    changes = warehouse.fetch(
        "approvals/count_changes", _ChangeRow, snapshot_id=registered.snapshot_id, champion_snapshot_id=of_champion
    )
    champion_accuracy, accuracy = compared.compared_accuracies if compared.discordant.n_images else (None, None)
    return PromotionEvidence(
        digests=digests,
        champion_version=champion,
        champion_snapshot_id=of_champion,
        gate_reasons=result.reasons,
        n_test_images=compared.n_images,
        accuracy=compared.accuracy,
        compared_accuracy=accuracy,
        champion_accuracy=champion_accuracy,
        classes=_figures(compared, json.loads(registered.metrics)),
        vanished_classes=compared.vanished_classes,
        changes=tuple(ClassChange(**change._asdict()) for change in changes),
    )


def _read_registered(warehouse: Warehouse, version: int) -> Registered:
    registered = warehouse.fetch_one("approvals/select_registered", Registered, version=version)
    if registered is None:
        raise ArtefactError(f"there is no version {version} in MODEL_VERSIONS")
    return registered


def _figures(compared: PairedEvidence, metrics: Mapping[str, Any]) -> tuple[ClassFigures, ...]:
    if compared.champion_version is None:
        return tuple(
            ClassFigures(
                label=of_class["label"],
                n_images=of_class["n_images"],
                n_champion_right=None,
                n_challenger_right=round((of_class["recall"] or 0) * of_class["n_images"]),
            )
            for of_class in metrics.get("per_class", ())
        )
    shared = [
        ClassFigures(
            label=found.label,
            n_images=found.n_images,
            n_champion_right=found.n_champion_right,
            n_challenger_right=found.n_challenger_right,
        )
        for found in compared.shared_classes
    ]
    new = [
        ClassFigures(
            label=found.label, n_images=found.n_images, n_champion_right=None, n_challenger_right=found.n_right
        )
        for found in compared.new_classes
    ]
    return (*shared, *new)
