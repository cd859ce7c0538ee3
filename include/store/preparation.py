"""From staged images to rows of the pixel store: what training and inference have in common."""

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from include.catalog.forgotten import Forgotten, quarantine_forgotten, read_forgotten, refuse_forgotten
from include.catalog.keys import ImageKey
from include.catalog.urls import URL_SECONDS, url_refresher
from include.config_parts import StagesConfig
from include.errors import FetchError, ForgottenMeanwhileError, VanishedFileError
from include.images.preprocess import Preprocessor
from include.images.preprocessing import preprocessing_digest
from include.store.batches import Batch, key_files
from include.store.files import FileStore
from include.store.findings import DecodedImages, Findings, ImageLook, MissingImage
from include.store.pixels import PixelLocation, is_whole
from include.store.segment_writer import SegmentWriter
from include.warehouse.identifiers import quote_identifier
from include.warehouse.loading import LOADED_KEYS, LOADED_PIXELS, loaded, loaded_rows
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

_MOST_PASSES = 3
"""How often segments are made again that others have deleted before they had a name."""


class _SegmentName(NamedTuple):
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


class LocatedImages(NamedTuple):
    """Readable images of a batch, in a fixed order, where the pixels of each lie, and what they look like."""

    keys: tuple[ImageKey, ...]
    locations: tuple[PixelLocation, ...]
    looks: tuple[ImageLook, ...]
    contents: tuple[str, ...]
    """The SHA-256 of each image's file."""

    def subset(self, places: Sequence[int]) -> "LocatedImages":
        """Return the images at these places."""
        return LocatedImages(
            keys=tuple(self.keys[place] for place in places),
            locations=tuple(self.locations[place] for place in places),
            looks=tuple(self.looks[place] for place in places),
            contents=tuple(self.contents[place] for place in places),
        )


class PreparedPart(NamedTuple):
    """The images of a part of a batch, but for those of which it is known that they cannot be read."""

    n_images: int
    known: LocatedImages
    """Those that were in the store."""
    decoded: Iterator[DecodedImages]
    """Those that were not, a few at a time; the warehouse is told of them in the background, see `afterwards`."""


class _Found(NamedTuple):
    """What the store has of the images of a part."""

    known: LocatedImages
    missing: list[MissingImage]
    forgotten: Forgotten


class _Streamed(NamedTuple):
    """What came of images that were decoded."""

    findings: Findings
    locations: Mapping[str, PixelLocation]
    """Of each content."""


def prepare_batch(
    warehouse: Warehouse, store: FileStore, batch: Batch, *, stages: StagesConfig, run_id: str, work_path: str
) -> None:
    """Put the pixels of a batch into the store, as far as they are not there; the arguments are those of `Preparation`.

    Raises:
        FetchError: As `Preparation.parts` says.
    """
    preparation = Preparation(warehouse, store, batch, stages=stages, run_id=run_id, work_path=work_path)
    for part in preparation.parts():
        for _ in part.decoded:
            pass


class Preparation:
    """Puts the pixels of a batch into the store, as far as they are not there, and hands them on meanwhile.

    What cannot be decoded gets a row in QUARANTINE. What cannot be fetched is never quarantined. In inference it is
    left for the next run and keeps no other image from being classified; training needs all images of its snapshot.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        batch: The images, and the size that they are resized to.
        stages: The pipeline's stages.
        run_id: The run that decodes.
        work_path: Where this try of the task may put files below the work stage.
        turn: A lock that whoever else uses the session while images are decoded holds.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        store: FileStore,
        batch: Batch,
        *,
        stages: StagesConfig,
        run_id: str,
        work_path: str,
        turn: AbstractContextManager[object] | None = None,
    ) -> None:
        self._warehouse = warehouse
        self._store = store
        self._batch = batch
        self._stages = stages
        self._run_id = run_id
        self._work_path = work_path
        self._turn = turn or Lock()
        self._digest = preprocessing_digest(batch.preprocessing)
        self._n_missing = self._n_unreadable = self._n_failed = 0
        self._vanished: list[str] = []
        self._told: list[Future[None]] = []

    def parts(self) -> Iterator[PreparedPart]:
        """Yield the parts of the batch; each must have been used up before the next one is asked for.

        While a part is used, the warehouse is told of the part before it, and asked for the one after it.

        Raises:
            FetchError: Not one of the images of a part that are to be decoded could be fetched; in training, one of
                them could not. What was fetched is in the store all the same.
            VanishedFileError: In training: the file of one of them is no longer there.
        """
        started = time.monotonic()
        with Preprocessor() as self._preprocessor, ThreadPoolExecutor(max_workers=1) as self._background:
            if self._batch.version is not None:  # most of these images are new, most of a snapshot's are not
                self._preprocessor.start()
            found = None
            for keys in key_files(self._store, self._batch):
                finding = self._background.submit(self._find, keys)
                if found is not None:
                    yield self._part(found)
                    _raise_of(told for told in self._told if told.done())  # not after all the other parts
                found = finding.result()
            if found is not None:
                yield self._part(found)
            _raise_of(self._told)
        n_images = self._batch.n_images
        if self._n_failed and self._batch.version is None:
            raise self._cannot_train()
        log.info(
            "batch of %d images: %d were there, %d decoded, %d quarantined, %d not fetched, in %.1f s",
            n_images,
            n_images - self._n_missing,
            self._n_missing - self._n_unreadable - self._n_failed,
            self._n_unreadable,
            self._n_failed,
            time.monotonic() - started,
        )

    def afterwards(self, tell: Callable[[], None]) -> None:
        """Let the warehouse be told something in the background, after what it is told of the parts so far.

        Args:
            tell: What is called; what it raises, `parts` raises at its end.
        """
        self._told.append(self._background.submit(tell))

    def _cannot_train(self) -> FetchError:
        failed = f"{self._n_failed} of {self._batch.n_images} images to train on could not be fetched"
        if not self._vanished:
            return FetchError(f"{failed}: see the log above")
        return VanishedFileError(
            f"{failed}: {self._vanished[0]!r} is no longer in its stage since the snapshot was frozen. Train again: a "
            "new run takes what is there now"
        )

    def _part(self, found: _Found) -> PreparedPart:
        self._n_missing += len(found.missing)
        return PreparedPart(len(found.known.keys) + len(found.missing), found.known, self._decode(found))

    def _find(self, keys: Path) -> _Found:
        """Return the images that are in the store, and those that have to be decoded."""
        with self._turn, loaded(self._warehouse, LOADED_KEYS, [keys], work_path=self._work_path):
            lost = self._lost_segments()
            missing = self._missing_images(lost)
            known = _located(self._warehouse, self._digest, without=frozenset(lost))
            return _Found(known, missing, read_forgotten(self._warehouse))

    def _lost_segments(self) -> list[str]:
        rows = self._warehouse.fetch("pixels/select_known_segments", _SegmentName, preprocessing_digest=self._digest)
        lost = [row.segment for row in rows if not is_whole(self._store, row.segment)]
        if lost:
            log.warning("%d of %d segments are lost or torn: their images are decoded again", len(lost), len(rows))
        return lost

    def _missing_images(self, lost: list[str]) -> list[MissingImage]:
        return [
            image
            for stage in (self._stages.training, self._stages.incoming)
            for image in self._warehouse.fetch(
                "pixels/select_missing_images",
                MissingImage,
                stage_name=stage.name,
                preprocessing_digest=self._digest,
                lost_segments=lost or [""],
                seconds=URL_SECONDS,
                identifiers={"stage": quote_identifier(stage.name)},
            )
        ]

    def _decode(self, found: _Found) -> Iterator[DecodedImages]:
        """Decode the missing images of a part, and put them into the store."""
        missing = found.missing
        if not missing:
            return
        findings, locations = yield from self._stream(Findings(missing, found.forgotten), missing)
        self.afterwards(lambda: self._tell_warehouse(found, findings, locations))
        findings.tell()
        self._n_unreadable += findings.n_unreadable
        self._n_failed += len(findings.failures)
        self._vanished += findings.vanished
        if len(findings.failures) == len(missing):
            left_out = ". A run that lists the stage anew leaves out what is gone" if findings.vanished else ""
            raise FetchError(f"none of {len(missing)} images could be fetched: {findings.failures[0].error}{left_out}")

    def _stream(self, findings: Findings, missing: Sequence[MissingImage]) -> Generator[DecodedImages, None, _Streamed]:
        """Decode images and write them into segments."""
        size, jpeg_detail = self._batch.size, self._batch.jpeg_detail
        refresh = url_refresher(self._warehouse, missing, turn=self._turn)
        urls = [image.url for image in missing]
        decoding = self._preprocessor.preprocessed(urls, size=size, jpeg_detail=jpeg_detail, refresh=refresh)
        with (
            SegmentWriter(self._store, size=size, preprocessing_digest=self._digest) as segments,
            closing(decoding) as batches,
        ):
            for batch in batches:
                used = findings.add(batch)
                if used:
                    images = findings.decoded(batch, used)
                    segments.add(images.pixels, [image.content_sha256 for image in used])
                    yield images
            return _Streamed(findings, segments.finish())

    def _tell_warehouse(self, found: _Found, findings: Findings, locations: Mapping[str, PixelLocation]) -> None:
        """Name what was found in images."""
        self._write(findings, locations)
        # Before a segment had its name in PIXELS, a request to forget may have deleted it.
        segments = {location.segment for location in locations.values()}
        for _ in range(_MOST_PASSES):
            if all(self._store.exists(segment) for segment in segments):
                return
            self._write(*_result_of(self._stream(Findings(found.missing, found.forgotten), found.missing)))

    def _write(self, findings: Findings, locations: Mapping[str, PixelLocation]) -> None:
        """Tell the warehouse, in one transaction, what was found."""
        rows = findings.rows(locations)
        if not rows:
            return

        def merge() -> None:
            refuse_forgotten(self._warehouse, findings.contents)
            self._warehouse.run("pixels/merge_pixels", preprocessing_digest=self._digest, run_id=self._run_id)
            self._warehouse.run("pixels/set_content_digests")
            if findings.n_unreadable:
                self._warehouse.run("pixels/merge_quarantine", run_id=self._run_id)
            quarantine_forgotten(self._warehouse)

        try:
            with self._turn, loaded_rows(self._warehouse, LOADED_PIXELS, rows, work_path=self._work_path):
                self._warehouse.alone(merge)
        except ForgottenMeanwhileError:
            for segment in {location.segment for location in locations.values()}:
                self._store.delete(segment)
            raise


def _raise_of(futures: Iterable[Future[None]]) -> None:
    """Wait for futures, and raise what one of them has raised."""
    for future in futures:
        future.result()


def _result_of(stream: Generator[object, None, _Streamed]) -> _Streamed:
    """Go through a stream and return what it returns."""
    while True:
        try:
            next(stream)
        except StopIteration as end:
            streamed: _Streamed = end.value
            return streamed


def locate_batch(warehouse: Warehouse, store: FileStore, batch: Batch, *, work_path: str) -> LocatedImages:
    """Return the readable images of a prepared batch."""
    with loaded(warehouse, LOADED_KEYS, [store.local_path(batch.path)], work_path=work_path):
        return _located(warehouse, preprocessing_digest(batch.preprocessing))


def _located(warehouse: Warehouse, digest: str, *, without: frozenset[str] = frozenset()) -> LocatedImages:
    """Return those of the loaded images that have pixels, except in some segments."""
    rows = warehouse.fetch("pixels/locate_loaded_images", _LocatedImage, preprocessing_digest=digest)
    rows = [row for row in rows if row.segment not in without]
    return LocatedImages(
        keys=tuple(ImageKey(row.stage, row.relative_path, row.etag) for row in rows),
        locations=tuple(PixelLocation(row.segment, row.segment_row) for row in rows),
        looks=tuple(
            ImageLook(row.short_side, row.long_side, row.brightness, row.contrast, row.sharpness) for row in rows
        ),
        contents=tuple(row.content_sha256 for row in rows),
    )
