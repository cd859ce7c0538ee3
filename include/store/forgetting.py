"""Forgetting an image: out of the tables first, then out of the files, and what was found is told without naming it.

Whoever is interrupted runs it again: what was asked for stands in FORGOTTEN from the first transaction on, and from
then on nothing leads to the pixels. Snapshots keep the image's row: their id is the digest of it.
"""

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from include.catalog.forgetting import ErasedRows, FoundImage, erase_rows, record_request
from include.catalog.forgotten import place_sha256, read_forgotten
from include.catalog.runs import close_run
from include.config import PipelineConfig
from include.store.erasure import (
    erase_abandoned,
    erase_dataset_reports,
    erase_from_lists,
    erase_thumbnails,
    erase_unnamed_rows,
)
from include.store.files import FileStore
from include.store.requested import erase_from_requested
from include.store.shown import erase_shown
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

NOTHING_FOUND = "nothing was found"


class ErasedFiles(NamedTuple):
    """What became of the files of the store."""

    n_rewritten: int
    """Segments, of pixels or features, that were written again without what nobody names."""
    n_segments: int
    """Segments that were deleted."""
    n_lists: int
    """Lists that named it, or another image that was forgotten, and no longer do."""
    n_thumbnails: int
    n_abandoned: int
    """Files of killed tries."""
    n_copies: int
    """Copies on this machine of files that a remote store does not hold."""


@dataclass(frozen=True, kw_only=True)
class Forgetting:
    """What a request to forget an image has come to."""

    rows: ErasedRows
    files: ErasedFiles
    run_id: str | None
    """The request in RUNS; None: nothing was found, so there is none."""
    outcome: str
    """In a sentence, without the path."""


def forget_image(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    found: FoundImage,
    *,
    with_copies: bool,
    actor: str,
    reason: str | None,
) -> Forgetting:
    """Erase an image: its pixels in every size, its answers, labels and thumbnails, and the lists that name it.

    While other images with the same content live, their pixels stay, unless the copies go, too. Reports on data sets
    that may show it are deleted; `./driftgate dataset` writes them anew.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        config: The pipeline.
        found: The image, from `find_image`.
        with_copies: Whether all images with the same content go with it.
        actor: Who asks.
        reason: Why, in their words; it is stored as it is.

    Raises:
        StoreError: A file cannot be read, written or deleted, or this is another store; run again to finish.
    """
    started = time.monotonic()
    unfinished = [version.run_id for version in found.forgotten if version.is_unfinished]
    run_id = unfinished[-1] if unfinished else f"forget/{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}-{uuid.uuid4().hex[:8]}"
    work_path = uuid.uuid4().hex
    rows = erase_rows(
        warehouse, config, found, with_copies=with_copies, run_id=run_id, reason=reason, work_path=work_path
    )
    files = _erase_files(warehouse, store, found, rows, work_path=work_path)
    if not (rows.n_found or files.n_lists or files.n_thumbnails or unfinished):
        return Forgetting(rows=rows, files=files, run_id=None, outcome=NOTHING_FOUND)
    outcome = _outcome(found, rows, files, actor=actor)
    warehouse.alone(lambda: record_request(warehouse, config, run_id=run_id, reason=reason))
    close_run(warehouse, run_id=run_id, outcome=outcome)
    log.info("%s, in %.1f s", outcome, time.monotonic() - started)
    return Forgetting(rows=rows, files=files, run_id=run_id, outcome=outcome)


def _erase_files(
    warehouse: Warehouse, store: FileStore, found: FoundImage, rows: ErasedRows, *, work_path: str
) -> ErasedFiles:
    segments = erase_unnamed_rows(warehouse, store, work_path=work_path)
    # All that was ever forgotten, so that it is no matter what an interrupted request had found.
    forgotten = read_forgotten(warehouse)
    n_lists = erase_from_lists(store, forgotten) + erase_from_requested(store, forgotten)
    n_thumbnails = erase_thumbnails(store, [content for content in found.contents if content not in rows.kept_contents])
    erase_shown(store)
    erase_dataset_reports(store, {snapshot.snapshot_id for snapshot in found.snapshots})
    n_abandoned = erase_abandoned(warehouse, store)
    n_copies = len(store.delete_stale_copies())
    return ErasedFiles(*segments, n_lists, n_thumbnails, n_abandoned, n_copies)


def _outcome(found: FoundImage, rows: ErasedRows, files: ErasedFiles, *, actor: str) -> str:
    """Return what RUNS says of a request."""
    stages = sorted({version.stage for version in found.versions}) or [stage.name for stage in found.stages]
    digests = " and ".join(place_sha256(stage, found.relative_path) for stage in stages)
    counts = (
        (rows.n_predictions, "answer"),
        (rows.n_labels, "label"),
        (rows.n_pixels, "pixel set"),
        (rows.n_features, "feature set"),
        (files.n_lists, "corrected list"),
        (files.n_thumbnails, "thumbnail"),
        (rows.n_images, "catalog row"),
    )
    erased = [f"{n} {what}{'s' * (n > 1)}" for n, what in counts if n]
    listed = ", ".join(erased) or "there was nothing to erase"
    return f"an image was forgotten, as {actor} asked: {listed} (SHA-256 of stage/path: {digests})"
