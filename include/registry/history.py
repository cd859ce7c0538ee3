"""The ledger read: of each version what it learnt from, who let it in, and when it was champion."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from include.config import PipelineConfig
from include.errors import UnknownVersionError
from include.warehouse.session import Warehouse

State = Literal["champion", "recalled", "superseded", "not promoted", "refused by the gate"]
"""What a version is today; superseded: its answers count where no later version has answered."""

_NO_VERSION = [0]
"""Stands for no number in a list that must not be empty: versions start at 1."""


class ClassMetrics(NamedTuple):
    """How good a version is at one class of its test images."""

    label: str
    n_images: int
    precision: float | None
    recall: float | None


class Gate(NamedTuple):
    """What the gate said."""

    is_passed: bool
    reason: str
    at: datetime


class Approval(NamedTuple):
    """An answer to a request, of a person or of what answers for one (silence, a champion that has changed)."""

    answer: Literal["APPROVED", "REJECTED"]
    actor: str
    at: datetime
    kind: Literal["retraining", "promotion"]
    reason: str | None
    request_id: str | None
    """None: the answer is older than the table of requests."""
    requested_at: datetime | None
    evidence: Any
    """What was shown; None: that was not kept."""


class Promotion(NamedTuple):
    """How a version became champion for the first time."""

    at: datetime
    actor: str
    over: int | None
    """The champion until then; None: there was none."""
    reason: str | None


class RollbackEffect(NamedTuple):
    """A rollback that recalled the version, or made it champion again."""

    effect: Literal["RECALLED", "RESTORED"]
    at: datetime
    actor: str
    version: int
    """The version restored."""
    from_version: int | None
    reason: str | None


class Period(NamedTuple):
    """A time as champion."""

    valid_from: datetime
    valid_to: datetime | None
    """None: it is champion."""


@dataclass(frozen=True, kw_only=True)
class VersionHistory:
    """What the ledger tells of a version: a row of MODEL_HISTORY. Times are UTC."""

    version: int
    snapshot_id: str
    n_snapshot_images: int | None
    """None: the snapshot is not in SNAPSHOTS."""
    n_training_images: int
    run_id: str
    run_reason: str | None
    check_id: str | None
    """The drift check that asked for the run; None: none did."""
    created_at: datetime
    accuracy: float | None
    """Of the test images, as are the next three; None in each: it was not measured."""
    n_test_images: int | None
    calibration_error: float | None
    log_loss: float | None
    """In nats."""
    classes: tuple[ClassMetrics, ...]
    artifact_path: str
    sha256: str
    """Of the card, which names that of the weights."""
    weights_sha256: str | None
    gate: Gate | None
    """None: it was not judged."""
    approvals: tuple[Approval, ...]
    promotion: Promotion | None
    rollbacks: tuple[RollbackEffect, ...]
    periods: tuple[Period, ...]
    """When it was champion, in order."""
    valid_from: datetime | None
    valid_to: datetime | None
    """The end of the last period; None while it is champion, and if it never was."""
    is_champion: bool
    is_recalled: bool

    @property
    def state(self) -> State:
        """What it is today."""
        if self.is_champion:
            return "champion"
        if self.is_recalled:
            return "recalled"
        if self.promotion:
            return "superseded"
        return "refused by the gate" if self.gate and not self.gate.is_passed else "not promoted"


class _Row(NamedTuple):
    version: int
    snapshot_id: str
    n_snapshot_images: int | None
    n_training_images: int
    run_id: str
    run_reason: str | None
    check_id: str | None
    created_at: datetime
    accuracy: float | None
    n_test_images: int | None
    calibration_error: float | None
    log_loss: float | None
    classes: str | None
    artifact_path: str
    sha256: str
    weights_sha256: str | None
    is_gate_passed: bool | None
    gate_reason: str | None
    gate_at: datetime | None
    approvals: str
    promoted_at: datetime | None
    promoted_by: str | None
    promoted_over: int | None
    promotion_reason: str | None
    rollbacks: str
    periods: str
    valid_from: datetime | None
    valid_to: datetime | None
    is_champion: bool
    is_recalled: bool


def read_history(warehouse: Warehouse, *, limit: int | None = None) -> list[VersionHistory]:
    """Return what the ledger tells of each version, newest first.

    Args:
        warehouse: A session on the pipeline's schema.
        limit: How many of the latest versions; None: all.
    """
    return _read(warehouse, is_every=True, versions=_NO_VERSION, n_versions=limit)


def read_versions_history(warehouse: Warehouse, versions: Sequence[int]) -> dict[int, VersionHistory]:
    """Return what the ledger tells of some versions, by their numbers; numbers that no version has are left out."""
    found = _read(warehouse, is_every=False, versions=[*versions] or _NO_VERSION, n_versions=None)
    return {history.version: history for history in found}


def read_version_history(warehouse: Warehouse, config: PipelineConfig, version: int) -> VersionHistory:
    """Return what the ledger tells of one version.

    Raises:
        UnknownVersionError: There is none with this number.
    """
    found = read_versions_history(warehouse, [version])
    if version in found:
        return found[version]
    latest = read_history(warehouse, limit=1)
    there = f"the latest is version {latest[0].version}" if latest else f"./driftgate train {config.name} makes one"
    raise UnknownVersionError(f"{config.name} has no version {version}: {there}")


def _read(warehouse: Warehouse, **bound: Any) -> list[VersionHistory]:
    return [_history(row) for row in warehouse.fetch("history/select_history", _Row, **bound)]


def _history(row: _Row) -> VersionHistory:
    return VersionHistory(
        version=row.version,
        snapshot_id=row.snapshot_id,
        n_snapshot_images=row.n_snapshot_images,
        n_training_images=row.n_training_images,
        run_id=row.run_id,
        run_reason=row.run_reason,
        check_id=row.check_id,
        created_at=_utc(row.created_at),
        accuracy=row.accuracy,
        n_test_images=row.n_test_images,
        calibration_error=row.calibration_error,
        log_loss=row.log_loss,
        classes=tuple(_class_metrics(of_class) for of_class in json.loads(row.classes or "[]")),
        artifact_path=row.artifact_path,
        sha256=row.sha256,
        weights_sha256=row.weights_sha256,
        gate=_gate(row),
        approvals=tuple(_approval(answer) for answer in json.loads(row.approvals)),
        promotion=_promotion(row),
        rollbacks=tuple(_rollback(event) for event in json.loads(row.rollbacks)),
        periods=tuple(
            Period(_moment(period["valid_from"]), _moment_or_none(period.get("valid_to")))
            for period in json.loads(row.periods)
        ),
        valid_from=_utc(row.valid_from) if row.valid_from else None,
        valid_to=_utc(row.valid_to) if row.valid_to else None,
        is_champion=row.is_champion,
        is_recalled=row.is_recalled,
    )


def _class_metrics(of_class: dict[str, Any]) -> ClassMetrics:
    return ClassMetrics(of_class["label"], of_class["n_images"], of_class.get("precision"), of_class.get("recall"))


def _gate(row: _Row) -> Gate | None:
    if row.is_gate_passed is None or row.gate_at is None:
        return None
    return Gate(row.is_gate_passed, row.gate_reason or "", _utc(row.gate_at))


def _promotion(row: _Row) -> Promotion | None:
    if row.promoted_at is None or row.promoted_by is None:
        return None
    return Promotion(_utc(row.promoted_at), row.promoted_by, row.promoted_over, row.promotion_reason)


def _approval(answer: dict[str, Any]) -> Approval:
    return Approval(
        answer=answer["answer"],
        actor=answer["actor"],
        at=_moment(answer["at"]),
        kind=answer["kind"],
        reason=answer.get("reason"),
        request_id=answer.get("request_id"),
        requested_at=_moment_or_none(answer.get("requested_at")),
        evidence=answer.get("evidence"),
    )


def _rollback(event: dict[str, Any]) -> RollbackEffect:
    return RollbackEffect(
        effect=event["effect"],
        at=_moment(event["at"]),
        actor=event["actor"],
        version=event["version"],
        from_version=event.get("from_version"),
        reason=event.get("reason"),
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _moment(text: str) -> datetime:
    return _utc(datetime.fromisoformat(text))


def _moment_or_none(text: str | None) -> datetime | None:
    return _moment(text) if text else None
