"""One image and all that is known of it: its files, its labels, and who answered what about it, on which grounds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from include.catalog.forgotten import read_forgotten
from include.catalog.similar_paths import name_similar_paths
from include.config import PipelineConfig
from include.errors import UnknownImageError
from include.printable import printable
from include.registry.history import VersionHistory, read_versions_history
from include.warehouse.session import Warehouse


class FileVersion(NamedTuple):
    """A version of the file. Times are UTC, here and below."""

    stage: str
    etag: str
    size: int
    last_modified: datetime | None
    content_sha256: str | None
    """None: nobody has read it yet."""
    label: str | None
    """The one in its path; None: that names none."""
    split: str | None
    first_seen_at: datetime
    gone_at: datetime | None
    """When it was no longer in its stage; None: it is."""
    quarantine_reason: str | None
    quarantined_at: datetime | None


class GivenLabel(NamedTuple):
    """A label that a person gave to a version of the file."""

    stage: str
    etag: str
    label: str
    source: str
    """How the image was picked, if people were asked to label it; else what the list of labels says."""
    labelled_at: datetime
    is_current: bool
    """Whether it is the one that counts."""


class Verdict(NamedTuple):
    """What the drift check found in whose window an answer was."""

    check_id: str
    verdict: str
    action: str
    reasons: tuple[str, ...]
    checked_at: datetime


class Answer(NamedTuple):
    """An answer to a version of the file."""

    stage: str
    etag: str
    version: int
    type: str
    confidence: float
    at: datetime
    run_id: str
    commit_seq: int
    is_first: bool
    """Whether no other version had answered the image before; only such answers are judged by drift checks."""
    is_current: bool
    """Whether it is the one that CURRENT_PREDICTIONS shows."""
    verdict: Verdict | None
    """None: no drift check has judged it."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What is known of the image at a path."""

    relative_path: str
    files: tuple[FileVersion, ...]
    """In the order in which they were seen; never none."""
    labels: tuple[GivenLabel, ...]
    answers: tuple[Answer, ...]
    """Newest first."""
    versions: Mapping[int, VersionHistory]
    """The versions that answered."""

    @property
    def current(self) -> tuple[Answer, ...]:
        """The answers that count, one for each version of the file that lies in the incoming stage."""
        return tuple(answer for answer in self.answers if answer.is_current)


class _AnswerRow(NamedTuple):
    stage: str
    etag: str
    version: int
    type: str
    confidence: float
    pred_timestamp: datetime
    run_id: str
    commit_seq: int
    is_first: bool | None
    is_preferred: bool
    check_id: str | None
    verdict: str | None
    action: str | None
    reasons: str | None
    checked_at: datetime | None


def explain_image(warehouse: Warehouse, config: PipelineConfig, relative_path: str) -> Explanation:
    """Return what is known of an image.

    Args:
        warehouse: A session on the pipeline's schema.
        config: The pipeline.
        relative_path: The image's path below its stage; it is looked for in both.

    Raises:
        UnknownImageError: The catalog has no such path; similar ones are named, and whether one was erased on request.
    """
    incoming = config.stages.incoming.name
    stage_names = [config.stages.training.name, incoming]
    place: dict[str, Any] = {"stage_names": stage_names, "relative_path": relative_path}
    files = warehouse.fetch("history/select_files", FileVersion, **place)
    if not files:
        raise UnknownImageError(_unknown(warehouse, config, relative_path, stage_names))
    labels = warehouse.fetch("history/select_labels", GivenLabel, **place)
    rows = warehouse.fetch("history/select_answers", _AnswerRow, **place)
    live = {(file.stage, file.etag) for file in files if file.gone_at is None and file.stage == incoming}
    return Explanation(
        relative_path=relative_path,
        files=tuple(_file(row) for row in files),
        labels=tuple(label._replace(labelled_at=_utc(label.labelled_at)) for label in labels),
        answers=tuple(_answer(row, is_current=row.is_preferred and (row.stage, row.etag) in live) for row in rows),
        versions=read_versions_history(warehouse, sorted({row.version for row in rows})) if rows else {},
    )


def _unknown(warehouse: Warehouse, config: PipelineConfig, relative_path: str, stage_names: list[str]) -> str:
    """Return what is told of a path that the catalog does not have."""
    path = printable(relative_path)
    forgotten = read_forgotten(warehouse)
    erased = [version for stage in stage_names for version in forgotten.at(stage, relative_path)]
    if erased:
        at = max(version.forgotten_at for version in erased)
        return f"{path} was forgotten on request on {at:%Y-%m-%d %H:%M} UTC: nothing is known of it any more"
    alike = name_similar_paths(warehouse, relative_path, stage_names=stage_names)
    return (
        f"the catalog of {config.name} has no image {path} in stage {' or '.join(stage_names)}: {alike}. "
        "Give the path below the stage, as CURRENT_PREDICTIONS has it"
    )


def _file(row: FileVersion) -> FileVersion:
    return row._replace(
        last_modified=_utc_or_none(row.last_modified),
        first_seen_at=_utc(row.first_seen_at),
        gone_at=_utc_or_none(row.gone_at),
        quarantined_at=_utc_or_none(row.quarantined_at),
    )


def _answer(row: _AnswerRow, *, is_current: bool) -> Answer:
    return Answer(
        stage=row.stage,
        etag=row.etag,
        version=row.version,
        type=row.type,
        confidence=row.confidence,
        at=_utc(row.pred_timestamp),
        run_id=row.run_id,
        commit_seq=row.commit_seq,
        is_first=bool(row.is_first),
        is_current=is_current,
        verdict=_verdict(row),
    )


def _verdict(row: _AnswerRow) -> Verdict | None:
    if row.check_id is None or row.verdict is None or row.action is None or row.checked_at is None:
        return None
    return Verdict(row.check_id, row.verdict, row.action, tuple(json.loads(row.reasons or "[]")), _utc(row.checked_at))


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _utc_or_none(moment: datetime | None) -> datetime | None:
    return _utc(moment) if moment else None
