"""What lies in the store, or on its way into the warehouse, and has no name: it is deleted, beside running runs."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from include.errors import StoreError
from include.store.backbone_features import FEATURES
from include.store.files import FileStore, StoredFile
from include.store.pixels import SEGMENTS
from include.warehouse.identifiers import WORK_STAGE, quote_identifier, stage_location
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

SEGMENT_FOLDERS = (SEGMENTS, FEATURES)
"""The folders of segments: files of rows of many images, of their pixels or of what networks see in them."""

_AT_ONCE = 50
"""Segments that are deleted in one transaction: other runs wait for as long as that takes."""


class NamedSegment(NamedTuple):
    """A segment that PIXELS or FEATURES names."""

    segment: str
    holds_unnamed: bool
    """Whether its file holds rows that the table does not name."""


class WorkPath(NamedTuple):
    """What one try of one task has put below the work stage."""

    work_path: str
    n_files: int
    n_bytes: int
    seconds_unused: int


class _Named(NamedTuple):
    segment: str


def named_segments(warehouse: Warehouse, files: Sequence[StoredFile], store: FileStore) -> list[NamedSegment]:
    """Return the segments that PIXELS or FEATURES names.

    Args:
        warehouse: A session.
        files: What the store holds.
        store: The store, for the message.

    Raises:
        StoreError: The store holds none of them: it is another store, or it is not mounted here.
    """
    named = warehouse.fetch("retention/select_all_segments", NamedSegment)
    held = {file.name for file in files}
    if named and not any(row.segment in held for row in named):
        raise StoreError(
            f"the store {store.url} holds none of the {len(named)} segments that PIXELS and FEATURES name, so it is "
            "not the one that the runs use: run this where it is mounted, with the DRIFTGATE_STORE of the workers (if "
            "its files are lost, the next training and inference make them again)"
        )
    return named


def delete_unnamed(warehouse: Warehouse, store: FileStore, segments: Sequence[StoredFile]) -> list[StoredFile]:
    """Delete those segments that neither PIXELS nor FEATURES names, and return them.

    Each is looked up and deleted while no other transaction can name it. A run that finds one of pixels lying there,
    relies on it and names it afterwards looks again after its own transaction, and writes it anew (see `preparation`).
    One of features is always written anew, and one that goes before it is named costs a network's second look.

    Raises:
        StoreError: One cannot be deleted.
    """
    deleted: list[StoredFile] = []
    for start in range(0, len(segments), _AT_ONCE):

        def delete(files: Sequence[StoredFile] = segments[start : start + _AT_ONCE]) -> list[StoredFile]:
            names = [file.name for file in files]
            named = {row.segment for row in warehouse.fetch("retention/select_named_segments", _Named, segments=names)}
            unnamed = [file for file in files if file.name not in named]
            for file in unnamed:
                store.delete(file.name)
            return unnamed

        deleted += warehouse.alone(delete)
    return deleted


def forget_segments(warehouse: Warehouse, segments: Sequence[str]) -> None:
    """Let no table name these segments any more; to be called in a transaction that is alone."""
    for statement in ("retention/delete_segment_pixels", "retention/delete_segment_features"):
        warehouse.run(statement, segments=list(segments))


def old_work_paths(warehouse: Warehouse, *, age: timedelta) -> list[WorkPath]:
    """Return what killed tries have left below the work stage: a try is done with it in minutes."""
    stage = {"stage": quote_identifier(WORK_STAGE)}
    warehouse.run("catalog/refresh_stage", identifiers=stage)
    paths = warehouse.fetch("retention/select_work_paths", WorkPath, identifiers=stage)
    return [path for path in paths if path.seconds_unused > age.total_seconds()]


def remove_work_paths(warehouse: Warehouse, paths: Sequence[WorkPath]) -> None:
    """Remove files below the work stage."""
    for path in paths:
        location = stage_location(WORK_STAGE, f"{path.work_path}/")
        warehouse.run("stages/remove_files", identifiers={"location": location})
