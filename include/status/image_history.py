"""What happened to one image, version by version of its file, told so that people can read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from include.config import PipelineConfig
from include.registry.explanation import Answer, Explanation, FileVersion, GivenLabel, explain_image
from include.registry.history import VersionHistory
from include.registry.version_story import let_in, moment, origin
from include.warehouse.session import Warehouse

ItemT = TypeVar("ItemT", GivenLabel, Answer)


@dataclass(frozen=True, kw_only=True)
class AnswerHistory:
    """An answer, and on which grounds it was given."""

    answer: Answer
    version: VersionHistory | None
    """Who answered; None: the ledger does not know that version."""
    origin: str | None
    """What the version learnt from."""
    let_in: str | None
    """Who let the version into production."""
    judged: str
    """What a drift check found in whose window the answer was, or why none has judged it."""


@dataclass(frozen=True, kw_only=True)
class FileHistory:
    """A version of the file: its labels, and the answers to it."""

    file: FileVersion
    labels: tuple[GivenLabel, ...]
    """In the order in which they were given."""
    answers: tuple[AnswerHistory, ...]
    """Newest first."""

    @property
    def thumbnail(self) -> str | None:
        """What its thumbnail is named by; None: it has none, as what cannot be decoded or was forgotten on request."""
        return None if self.file.quarantine_reason else self.file.content_sha256


@dataclass(frozen=True, kw_only=True)
class ImageHistory:
    """What happened to the image at a path."""

    relative_path: str
    has_current_answer: bool
    """Whether CURRENT_PREDICTIONS shows an answer to it."""
    files: tuple[FileHistory, ...]
    """In the order in which they were seen; never none."""


def read_image_history(warehouse: Warehouse, config: PipelineConfig, relative_path: str) -> ImageHistory:
    """Return what happened to an image.

    Args:
        warehouse: A session.
        config: The pipeline.
        relative_path: The image's path below its stage; it is looked for in both.

    Raises:
        UnknownImageError: The catalog has no such path; similar ones are named, and whether one was erased on request.
    """
    return image_history(explain_image(warehouse, config, relative_path))


def image_history(explanation: Explanation) -> ImageHistory:
    """Return what is known of an image in the order in which people read it."""
    return ImageHistory(
        relative_path=explanation.relative_path,
        has_current_answer=bool(explanation.current),
        files=tuple(
            FileHistory(
                file=file,
                labels=tuple(_of_file(explanation.labels, file)),
                answers=tuple(
                    _answer_history(answer, explanation.versions.get(answer.version))
                    for answer in _of_file(explanation.answers, file)
                ),
            )
            for file in explanation.files
        ),
    )


def _of_file(items: Sequence[ItemT], file: FileVersion) -> list[ItemT]:
    return [item for item in items if (item.stage, item.etag) == (file.stage, file.etag)]


def _answer_history(answer: Answer, version: VersionHistory | None) -> AnswerHistory:
    return AnswerHistory(
        answer=answer,
        version=version,
        origin=origin(version) if version else None,
        let_in=let_in(version) if version else None,
        judged=_judged(answer),
    )


def _judged(answer: Answer) -> str:
    verdict = answer.verdict
    if verdict:
        reasons = f": {'; '.join(verdict.reasons)}" if verdict.reasons else ""
        return (
            f"drift check {verdict.check_id} of {moment(verdict.checked_at)}: {verdict.verdict}, "
            f"action {verdict.action}{reasons}"
        )
    if not answer.is_first:
        return "not judged by drift checks: another version had answered this image before"
    return "no drift check has judged it yet"
