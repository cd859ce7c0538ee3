"""From staged images to rows of the pixel store: what training and inference have in common."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from include.catalog.forgotten import quarantine_forgotten, read_forgotten, refuse_forgotten
from include.catalog.keys import ImageKey
from include.catalog.urls import URL_SECONDS, url_refresher
from include.config_parts import StagesConfig
from include.errors import FetchError, ForgottenMeanwhileError
from include.images.preprocess import PreprocessedBatch, PreprocessedImage, preprocess
from include.images.preprocessing import preprocessing_digest
from include.store.batches import Batch
from include.store.files import FileStore
from include.store.pixels import PixelLocation, is_whole, write_segment
from include.warehouse.identifiers import quote_identifier
from include.warehouse.loading import LOADED_KEYS, LOADED_PIXELS, loaded, loaded_rows
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

SEGMENT_IMAGES = 2048
"""The most images in one segment, and in memory at once."""
_N_NAMED = 5
"""How many of the failed images are named in the log."""


class _MissingImage(NamedTuple):
    stage: str
    relative_path: str
    etag: str
    url: str

    @property
    def key(self) -> ImageKey:
        return ImageKey(self.stage, self.relative_path, self.etag)


class _Segment(NamedTuple):
    segment: str


class _LocatedImage(NamedTuple):
    stage: str
    relative_path: str
    etag: str
    segment: str
    segment_row: int
    short_side: float
    long_side: float
    brightness: float
    contrast: float
    sharpness: float
    content_sha256: str


class ImageLook(NamedTuple):
    """What an image looks like, as `include.images.statistics` has measured it; a turned camera changes nothing."""

    short_side: float
    """Of the original, in pixels."""
    long_side: float
    """Of the original, in pixels."""
    brightness: float
    contrast: float
    sharpness: float


class LocatedImages(NamedTuple):
    """Readable images of a batch, in a fixed order, where the pixels of each lie, and what they look like."""

    keys: tuple[ImageKey, ...]
    locations: tuple[PixelLocation, ...]
    looks: tuple[ImageLook, ...]
    contents: tuple[str, ...]
    """The SHA-256 of each image's file."""


def prepare_batch(
    warehouse: Warehouse, store: FileStore, batch: Batch, *, stages: StagesConfig, run_id: str, work_path: str
) -> None:
    """Put the pixels of a batch into the store, as far as they are not there.

    What cannot be decoded gets a row in QUARANTINE. What cannot be fetched is never quarantined. In inference it is
    left for the next run and keeps no other image from being classified; training needs all images of its snapshot.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        batch: The images, and the size that they are resized to.
        stages: The pipeline's stages.
        run_id: The run that decodes.
        work_path: Where this try of the task may put files below the work stage.

    Raises:
        FetchError: Not one of the images that are to be decoded could be fetched; in training, one of them could not.
            What was fetched is in the store all the same.
    """
    started = time.monotonic()
    digest = preprocessing_digest(batch.preprocessing)
    missing = _missing_images(warehouse, store, batch, stages=stages, digest=digest, work_path=work_path)
    n_failed = n_unreadable = 0
    for start in range(0, len(missing), SEGMENT_IMAGES):
        images = missing[start : start + SEGMENT_IMAGES]
        prepared = preprocess(
            [image.url for image in images], size=batch.size, refresh=url_refresher(warehouse, images)
        )
        _write(warehouse, store, images, prepared, digest=digest, run_id=run_id, work_path=work_path)
        n_unreadable += len(prepared.unreadable)
        n_failed += len(prepared.failed)
        _tell(images, prepared)
        if len(prepared.failed) == len(images):
            raise FetchError(f"none of {len(images)} images could be fetched: {prepared.failed[0].error}")
    if n_failed and batch.version is None:
        raise FetchError(f"{n_failed} of {batch.n_images} images to train on could not be fetched: see the log above")
    log.info(
        "batch of %d images: %d were there, %d decoded, %d quarantined, %d not fetched, in %.1f s",
        batch.n_images,
        batch.n_images - len(missing),
        len(missing) - n_unreadable - n_failed,
        n_unreadable,
        n_failed,
        time.monotonic() - started,
    )


def locate_batch(warehouse: Warehouse, store: FileStore, batch: Batch, *, work_path: str) -> LocatedImages:
    """Return the readable images of a prepared batch."""
    with _loaded_keys(warehouse, store, batch, work_path=work_path):
        rows = warehouse.fetch(
            "pixels/locate_loaded_images",
            _LocatedImage,
            preprocessing_digest=preprocessing_digest(batch.preprocessing),
        )
    return LocatedImages(
        keys=tuple(ImageKey(row.stage, row.relative_path, row.etag) for row in rows),
        locations=tuple(PixelLocation(row.segment, row.segment_row) for row in rows),
        looks=tuple(
            ImageLook(row.short_side, row.long_side, row.brightness, row.contrast, row.sharpness) for row in rows
        ),
        contents=tuple(row.content_sha256 for row in rows),
    )


@contextmanager
def _loaded_keys(warehouse: Warehouse, store: FileStore, batch: Batch, *, work_path: str) -> Iterator[None]:
    with loaded(warehouse, LOADED_KEYS, [store.local_path(batch.path)], work_path=work_path):
        yield


def _missing_images(
    warehouse: Warehouse, store: FileStore, batch: Batch, *, stages: StagesConfig, digest: str, work_path: str
) -> list[_MissingImage]:
    """Return the images of a batch that have to be decoded, those of lost segments among them."""
    with _loaded_keys(warehouse, store, batch, work_path=work_path):
        segments = warehouse.fetch("pixels/select_known_segments", _Segment, preprocessing_digest=digest)
        lost = [row.segment for row in segments if not is_whole(store, row.segment)]
        if lost:
            log.warning("%d of %d segments are lost or torn: their images are decoded again", len(lost), len(segments))
        return [
            image
            for stage in (stages.training, stages.incoming)
            for image in warehouse.fetch(
                "pixels/select_missing_images",
                _MissingImage,
                stage_name=stage.name,
                preprocessing_digest=digest,
                lost_segments=lost or [""],
                seconds=URL_SECONDS,
                identifiers={"stage": quote_identifier(stage.name)},
            )
        ]


def _write(
    warehouse: Warehouse,
    store: FileStore,
    images: Sequence[_MissingImage],
    prepared: PreprocessedBatch,
    *,
    digest: str,
    run_id: str,
    work_path: str,
) -> None:
    """Write a segment, and then in one transaction what the warehouse is to know of it."""
    forgotten = read_forgotten(warehouse)
    erased = [image for image in prepared.images if forgotten.covers(images[image.index].key, image.content_sha256)]
    # Their digest is kept, so that the catalog knows them; their pixels are not.
    rows: list[tuple[object, ...]] = [
        (*images[image.index].key, image.content_sha256, *(None,) * 8) for image in erased
    ]
    prepared = _without(prepared, erased)
    segment = ""
    if prepared.images:
        segment = _write_segment(store, prepared, digest=digest)
        for image in prepared.images:
            s = prepared.statistics[image.row]
            statistics = (s.width, s.height, s.brightness, s.contrast, s.sharpness)
            rows.append((*images[image.index].key, image.content_sha256, segment, image.row, *statistics, None))
    rows += [(*images[bad.index].key, bad.content_sha256, *(None,) * 7, bad.reason) for bad in prepared.unreadable]

    def merge() -> None:
        refuse_forgotten(warehouse, ((images[image.index].key, image.content_sha256) for image in prepared.images))
        warehouse.run("pixels/merge_pixels", preprocessing_digest=digest, run_id=run_id)
        warehouse.run("pixels/set_content_digests")
        if prepared.unreadable:
            warehouse.run("pixels/merge_quarantine", run_id=run_id)
        quarantine_forgotten(warehouse)

    if rows:
        try:
            with loaded_rows(warehouse, LOADED_PIXELS, rows, work_path=work_path):
                warehouse.alone(merge)
        except ForgottenMeanwhileError:
            store.delete(segment)
            raise
    if segment and not store.exists(segment):
        # It lay there unnamed from earlier, and was pruned before the transaction named it.
        _write_segment(store, prepared, digest=digest)


def _write_segment(store: FileStore, prepared: PreprocessedBatch, *, digest: str) -> str:
    return write_segment(store, prepared.pixels, preprocessing_digest=digest, content_digests=prepared.content_digests)


def _without(prepared: PreprocessedBatch, erased: Sequence[PreprocessedImage]) -> PreprocessedBatch:
    """Return a batch without some of its images, and without the pixels that only they have."""
    if not erased:
        return prepared
    gone = set(erased)
    images = [image for image in prepared.images if image not in gone]
    rows = sorted({image.row for image in images})
    place = {row: number for number, row in enumerate(rows)}
    return replace(
        prepared,
        images=tuple(replace(image, row=place[image.row]) for image in images),
        pixels=prepared.pixels[rows],
        content_digests=tuple(prepared.content_digests[row] for row in rows),
        statistics=tuple(prepared.statistics[row] for row in rows),
    )


def _tell(images: Sequence[_MissingImage], prepared: PreprocessedBatch) -> None:
    """Name some of the images that could not be used."""
    for bad in prepared.unreadable[:_N_NAMED]:
        log.warning("quarantined %r: %s", images[bad.index].relative_path, bad.reason)
    for failed in prepared.failed[:_N_NAMED]:
        log.warning("not fetched %r: %s", images[failed.index].relative_path, failed.error)
