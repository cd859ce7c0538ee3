"""The report on a snapshot, kept in the store as those of drift checks are."""

import logging
import time

from include.catalog.forgotten import read_forgotten
from include.config import PipelineConfig
from include.dataset.frozen import look_at_snapshot
from include.dataset.images import LookedAt
from include.dataset.page import PageHead, render_page
from include.dataset.report import DatasetReport, report_on
from include.errors import ForgottenMeanwhileError
from include.store.files import FileStore
from include.store.reports import dataset_path
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


def ensure_snapshot_report(warehouse: Warehouse, store: FileStore, config: PipelineConfig, *, snapshot_id: str) -> str:
    """Return where the report on a snapshot is; it is written if there is none, as a snapshot never changes.

    Raises:
        StoreError: As for `keep_snapshot_report`.
    """
    path = dataset_path(snapshot_id)
    if not store.exists(path):
        keep_snapshot_report(warehouse, store, config, snapshot_id=snapshot_id)
    return path


def keep_snapshot_report(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, *, snapshot_id: str, with_evidently: bool = False
) -> DatasetReport:
    """Write the report on a snapshot, whose images were decoded before; one that is there is replaced.

    Args:
        warehouse: A session.
        store: The pipeline's files.
        config: The config with which the images were decoded.
        snapshot_id: The snapshot.
        with_evidently: Whether Evidently's summary is part of it, which makes it 4 MB larger.

    Raises:
        StoreError: Pixels are gone since they were decoded, or the page cannot be written.
        ForgottenMeanwhileError: An image that it shows may have been forgotten meanwhile; there is no report.
    """
    forgotten = read_forgotten(warehouse).versions
    found = look_at_snapshot(warehouse, store, snapshot_id=snapshot_id, preprocessing=config.preprocessing)
    head = PageHead(name=config.name, about=f"snapshot {snapshot_id[:12]}")
    path = dataset_path(snapshot_id)
    report = keep_report(store, found, head, path=path, with_evidently=with_evidently)
    # Whoever forgets an image says so first and deletes the reports then: one that was written after that is seen here.
    if read_forgotten(warehouse).versions != forgotten:
        store.delete(path)
        raise ForgottenMeanwhileError("an image was forgotten while the report on its data set was made: make it again")
    return report


def keep_report(store: FileStore, found: LookedAt, head: PageHead, *, path: str, with_evidently: bool) -> DatasetReport:
    """Write the report on a data set that was looked at, and return what is in it.

    Raises:
        StoreError: It cannot be written.
    """
    started = time.monotonic()
    report = report_on(found)
    evidently = None
    if with_evidently:
        from include.dataset.evidently_part import evidently_page

        evidently = evidently_page(found.images)
    page = render_page(found, report, head, evidently=evidently).encode()
    store.write(path, page)
    log.info(
        "wrote %s, %.1f MB, on %d images in %.1f s", path, len(page) / 1e6, report.n_images, time.monotonic() - started
    )
    return report
