"""What is in the store, since when nobody has needed it, and why it is kept all the same.

An image was last needed when it went from its stage or, while it is there, when it was last answered; before that, when
it was first seen, and never before its pixels were written. A segment, of pixels or of what networks see in them, was
last needed when the last of its images was; features only while their backbone is the champion's or the previous one's.
What a run leaves for its own tasks (batches, answers, trained networks, checkpoints), copies of models and the reports
on drift checks (pages, pictures, snapshots in Evidently's workspace) and on data sets are as old as their files.
DRIFT_CHECKS keeps the row of a check whose report is gone: its REPORT_PATH then leads nowhere.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from pydantic import ValidationError

from include.config import PipelineConfig
from include.config_parts import PreprocessingConfig
from include.images.preprocessing import preprocessing_digest
from include.store.backbone_features import FEATURES
from include.store.files import StoredFile
from include.store.leftovers import SEGMENT_FOLDERS
from include.store.pixels import SEGMENTS
from include.store.reports import DATASETS, REPORTS, WORKSPACE, is_of_history
from include.store.requested import LABEL_REQUESTS
from include.store.shown import SHOWN
from include.store.thumbnails import THUMBNAILS
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

LEAST_AGE = timedelta(days=1)
"""Nothing younger goes, whatever `store.keep_days` and `store.max_gb` say: a run that is under way may need it."""

_BY_FOLDER: Mapping[str, str] = {
    SEGMENTS: "pixels",
    FEATURES: "features",
    "batches": "batches",
    "answers": "answers",
    "fitted": "trained networks",
    "checkpoints": "checkpoints",
    "models": "copies of models",
    REPORTS: "drift reports",
    WORKSPACE: "drift reports",
    DATASETS: "data set reports",
    LABEL_REQUESTS: "lists and pictures of images to label",
    THUMBNAILS: "thumbnails",
    SHOWN: "what the status page has shown",
}
"""What is in the store's folders. Other folders are not touched."""
_TEMPORARY = "temporary files"
_OTHER = "other files"
_ONE_THING = ("checkpoints", "models")
"""Folders whose subfolders are each one thing."""


class Need(IntEnum):
    """Why pixels are kept; the first reason counts."""

    CHAMPION = 1
    """They are in the champion's snapshot."""
    PREVIOUS = 2
    """They are in the snapshot of the version that a rollback would restore."""
    LABELLED = 3
    """The image is live and labelled: the next training takes it."""
    PENDING = 4
    """The image waits for an answer."""
    UNJUDGED = 5
    """No drift check has judged the champion's answer to the image; it may be answered by the previous version."""
    SNAPSHOT = 6
    """They are in a snapshot that is younger than `store.keep_days`: it may be trained on."""

    @property
    def words(self) -> str:
        """The reason, for people."""
        return {
            Need.CHAMPION: "the champion's snapshot",
            Need.PREVIOUS: "the previous version's snapshot",
            Need.LABELLED: "labelled images, for the next training",
            Need.PENDING: "images that wait for an answer",
            Need.UNJUDGED: "answers that no drift check has judged",
            Need.SNAPSHOT: "recent snapshots",
        }[self]


class Amount(NamedTuple):
    """How much of something there is."""

    n_files: int
    n_bytes: int

    def plus(self, other: "Amount") -> "Amount":
        """Return the sum."""
        return Amount(self.n_files + other.n_files, self.n_bytes + other.n_bytes)


NOTHING = Amount(0, 0)


class _SegmentRow(NamedTuple):
    segment: str
    n_images: int
    need: int | None
    seconds_unused: int


class _Preprocessing(NamedTuple):
    preprocessing: str


class _Card(NamedTuple):
    sha256: str


class Thing(NamedTuple):
    """What is kept or removed as a whole."""

    kind: str
    files: tuple[StoredFile, ...]
    """None: a segment that a table names and the store has lost."""
    age: timedelta
    """Since it was last needed."""
    keep: timedelta
    """For how long it is kept after that."""
    kept_for: str | None
    """Why it is kept however old it is."""
    segment: str | None = None
    """The segment, if it is one that PIXELS or FEATURES names."""
    is_segment: bool = False

    @property
    def amount(self) -> Amount:
        """How much it is."""
        return Amount(len(self.files), sum(file.n_bytes for file in self.files))

    @property
    def is_due(self) -> bool:
        """Whether it is kept for no reason, and no longer."""
        return self.kept_for is None and self.age > self.keep


def segment_things(
    warehouse: Warehouse, files: Sequence[StoredFile], config: PipelineConfig, *, keep: timedelta
) -> list[Thing]:
    """Return the segments, of pixels and of features, those that no table names among them.

    Args:
        warehouse: A session, in which the images that wait for an answer are loaded (LOADED_KEYS).
        files: What the store holds.
        config: The pipeline.
        keep: For how long they are kept after they were last needed.
    """
    keep_seconds = int(keep.total_seconds())
    rows = warehouse.fetch(
        "retention/select_segments",
        _SegmentRow,
        training_stage=config.stages.training.name,
        incoming_stage=config.stages.incoming.name,
        preprocessing_digests=_used_preprocessings(warehouse, config, keep_seconds=keep_seconds),
        keep_seconds=keep_seconds,
    )
    held = {file.name: file for file in files if _folder(file.name) in SEGMENT_FOLDERS and not file.is_temporary}
    things = []
    for row in rows:
        file = held.pop(row.segment, None)
        age = timedelta(seconds=row.seconds_unused)
        things.append(
            Thing(
                kind=_BY_FOLDER[_folder(row.segment)],
                files=(file,) if file else (),
                # A segment that was lost and made again is younger than its rows.
                age=min(age, _age(file)) if file else age,
                keep=keep,
                kept_for=None if row.need is None else Need(row.need).words,
                segment=row.segment,
                is_segment=True,
            )
        )
    for name, file in held.items():
        things.append(Thing(_BY_FOLDER[_folder(name)], (file,), _age(file), keep, None, is_segment=True))
    return things


def _used_preprocessings(warehouse: Warehouse, config: PipelineConfig, *, keep_seconds: int) -> list[str]:
    """Return the digests of how images are preprocessed: now, for the kept versions, and for recent runs."""
    used = {preprocessing_digest(config.preprocessing)}
    for row in warehouse.fetch("retention/select_preprocessings", _Preprocessing, keep_seconds=keep_seconds):
        try:
            used.add(preprocessing_digest(PreprocessingConfig.model_validate_json(row.preprocessing)))
        except ValidationError:
            log.warning("%s is of another release, which made other pixels", row.preprocessing)
    return sorted(used)


def other_things(warehouse: Warehouse, files: Iterable[StoredFile], *, keep: timedelta) -> list[Thing]:
    """Return all that is in the store besides segments.

    Args:
        warehouse: A session.
        files: What the store holds.
        keep: For how long they are kept.
    """
    cards = {row.sha256 for row in warehouse.fetch("retention/select_kept_models", _Card)}
    grouped: dict[tuple[str, str], list[StoredFile]] = defaultdict(list)
    for file in files:
        folder, _, rest = file.name.partition("/")
        if file.is_temporary:
            grouped[_TEMPORARY, file.name].append(file)
        elif folder not in _BY_FOLDER or not rest:
            grouped[_OTHER, file.name].append(file)
        elif folder not in SEGMENT_FOLDERS:
            grouped[folder, rest.partition("/")[0] if folder in _ONE_THING else rest].append(file)
    return [_other_thing(*named, tuple(found), keep=keep, cards=cards) for named, found in grouped.items()]


def _other_thing(folder: str, name: str, files: tuple[StoredFile, ...], *, keep: timedelta, cards: set[str]) -> Thing:
    kept_for = None
    if folder == _OTHER:
        kept_for = "not of Driftgate's making"
    elif folder == "models" and name in cards:
        kept_for = "models of the champion and the previous version"
    elif folder == WORKSPACE and is_of_history(name):
        kept_for = "what the history of drift checks is shown in"
    return Thing(
        kind=_BY_FOLDER.get(folder, folder),
        files=files,
        age=min(_age(file) for file in files),
        keep=LEAST_AGE if folder == _TEMPORARY else keep,
        kept_for=kept_for,
    )


def _folder(name: str) -> str:
    return name.partition("/")[0]


def _age(file: StoredFile) -> timedelta:
    return datetime.now(UTC) - file.modified_at
