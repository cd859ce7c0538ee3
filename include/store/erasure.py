"""Erasing an image from the files of the store, once no table leads to it any more."""

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from include.catalog.forgotten import Forgotten
from include.catalog.keys import ImageKey
from include.errors import ConcurrentChangeError, MissingSegmentError, StoreError
from include.store.backbone_features import FEATURES, BackboneId, FeatureReader, write_features
from include.store.files import FileStore
from include.store.leftovers import (
    SEGMENT_FOLDERS,
    delete_unnamed,
    forget_segments,
    named_segments,
    old_work_paths,
    remove_work_paths,
)
from include.store.pixels import PixelLocation, PixelReader, write_segment
from include.store.reports import dataset_path
from include.store.tensor_rows import RowLocation
from include.store.thumbnails import THUMBNAILS
from include.warehouse.loading import LOADED_FEATURES, LOADED_PIXELS, loaded_rows
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

ABANDONED = timedelta(hours=1)
"""After this long nobody goes on with a temporary file, or with files on their way into a table."""

_LISTS = ("batches", "answers")
"""Folders of Parquet files that name images."""
_KEY = [field.upper() for field in ImageKey._fields]
_MAX_PASSES = 5


class _SegmentRow(NamedTuple):
    content_sha256: str
    preprocessing_digest: str
    segment_row: int


class _FeatureRow(NamedTuple):
    content_sha256: str
    preprocessing_digest: str
    backbone_digest: str
    segment_row: int


class ErasedSegments(NamedTuple):
    """What became of the segments."""

    n_rewritten: int
    """Written again without what no table names."""
    n_deleted: int


def erase_unnamed_rows(warehouse: Warehouse, store: FileStore, *, work_path: str) -> ErasedSegments:
    """Leave no pixels in the store that PIXELS does not name, and no features that FEATURES does not.

    A segment that holds such rows is written again without them, under the name that it then has; the table follows,
    and the old file is deleted. A segment of which its table names nothing is deleted. Whatever was interrupted goes on
    when this is called again: what is to be done follows from the tables and the names of the files.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        work_path: Where the caller may put files below the work stage.

    Raises:
        StoreError: A segment cannot be read or written, or this is another store.
        ConcurrentChangeError: Other runs wrote segments all the while.
    """
    n_rewritten = n_deleted = 0
    for _ in range(_MAX_PASSES):
        listed = (file for folder in SEGMENT_FOLDERS for file in store.list_files(folder))
        files = [file for file in listed if not file.is_temporary]
        segments = named_segments(warehouse, files, store)
        held = {file.name for file in files}
        mixed = [row.segment for row in segments if row.holds_unnamed and row.segment in held]
        for segment in mixed:
            _rewrite(warehouse, store, segment, work_path=work_path)
        named = {row.segment for row in segments} - set(mixed)
        unnamed = [file for file in files if file.name not in named]
        if not unnamed:
            return ErasedSegments(n_rewritten, n_deleted)
        n_rewritten += len(mixed)
        n_deleted += len(delete_unnamed(warehouse, store, unnamed))
    raise ConcurrentChangeError("other runs kept writing pixels meanwhile; run forget again to finish")


def _rewrite(warehouse: Warehouse, store: FileStore, segment: str, *, work_path: str) -> None:
    """Write what a table names in a segment into another one, and let the table say so."""
    rewrite = _rewrite_features if segment.startswith(f"{FEATURES}/") else _rewrite_pixels
    try:
        rewrite(warehouse, store, segment, work_path=work_path)
    except MissingSegmentError as error:
        # Nobody can read it; without a name it is deleted, and what was in it is made again when it is needed.
        log.warning("%s", error)
        warehouse.alone(lambda: forget_segments(warehouse, [segment]))


def _rewrite_pixels(warehouse: Warehouse, store: FileStore, segment: str, *, work_path: str) -> None:
    rows = warehouse.fetch("retention/select_segment_rows", _SegmentRow, segment=segment)
    if not rows:
        return
    digest = rows[0].preprocessing_digest
    contents = [row.content_sha256 for row in rows]
    locations = [PixelLocation(segment, row.segment_row) for row in rows]
    pixels = PixelReader(store, locations).gather(np.arange(len(rows)))
    target = write_segment(store, pixels, preprocessing_digest=digest, content_digests=contents)
    moved = [("", "", "", content, target, place, *(None,) * 6) for place, content in enumerate(contents)]
    with loaded_rows(warehouse, LOADED_PIXELS, moved, work_path=work_path):
        warehouse.alone(lambda: warehouse.run("retention/move_pixels", segment=segment, preprocessing_digest=digest))


def _rewrite_features(warehouse: Warehouse, store: FileStore, segment: str, *, work_path: str) -> None:
    rows = warehouse.fetch("retention/select_feature_rows", _FeatureRow, segment=segment)
    if not rows:
        return
    reader = FeatureReader(store, [RowLocation(segment, row.segment_row) for row in rows])
    backbone = BackboneId(rows[0].preprocessing_digest, rows[0].backbone_digest, reader.width)
    contents = [row.content_sha256 for row in rows]
    target = write_features(store, backbone, reader.gather(np.arange(len(rows))), content_digests=contents)
    moved = [(content, target, place) for place, content in enumerate(contents)]
    with loaded_rows(warehouse, LOADED_FEATURES, moved, work_path=work_path):
        warehouse.alone(lambda: warehouse.run("retention/move_features", segment=segment))


def erase_from_lists(store: FileStore, forgotten: Forgotten) -> int:
    """Take all that was forgotten out of the lists that tasks hand to each other; return how many lists had some of it.

    A list keeps its name, so that a run that is under way goes on without those images.

    Raises:
        StoreError: A list cannot be read or written.
    """
    names = [file.name for folder in _LISTS for file in store.list_files(folder) if file.name.endswith(".parquet")]
    return sum(_erase_from(store, name, forgotten) for name in names)


def _erase_from(store: FileStore, name: str, forgotten: Forgotten) -> bool:
    try:
        table = pa.parquet.read_table(pa.BufferReader(store.read(name)))
        columns = [table.column(column).to_pylist() for column in _KEY]
    except (pa.ArrowInvalid, KeyError):
        log.warning("%s is no list that could be read: it is deleted", name)
        store.delete(name)
        return False
    except StoreError:
        if store.exists(name):
            raise
        return False  # pruned meanwhile
    kept = [not forgotten.covers(ImageKey(*key), None) for key in zip(*columns, strict=True)]
    if all(kept):
        return False
    with store.new_file(name) as path:
        pa.parquet.write_table(table.filter(pa.array(kept)), path)
    return True


def erase_thumbnails(store: FileStore, contents: Collection[str]) -> int:
    """Delete the small pictures of some contents, whose names begin with the content's digest; return how many."""
    found = [file.name for file in store.list_files(THUMBNAILS) if Path(file.name).name.startswith(tuple(contents))]
    for name in found:
        store.delete(name)
    return len(found)


def erase_dataset_reports(store: FileStore, snapshots: Collection[str]) -> None:
    """Delete the reports on snapshots that held an image, and the one on what was there before: they show images.

    Raises:
        StoreError: One cannot be deleted.
    """
    for snapshot_id in (*snapshots, None):
        store.delete(dataset_path(snapshot_id))


def erase_abandoned(warehouse: Warehouse, store: FileStore) -> int:
    """Delete what killed tries have left, which may be of any image, and return how many files that were."""
    before = datetime.now(UTC) - ABANDONED
    files = [file for file in store.list_files() if file.is_temporary and file.modified_at < before]
    for file in files:
        store.delete(file.name)
    paths = old_work_paths(warehouse, age=ABANDONED)
    remove_work_paths(warehouse, paths)
    return len(files) + sum(path.n_files for path in paths)
