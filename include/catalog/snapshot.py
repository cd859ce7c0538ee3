"""An immutable version of the data set: which images, with which labels, on which side.

Its id is the SHA-256 of its sorted manifest, so the same images and labels give the same snapshot. An image that
turns out to be unreadable stays in the snapshots that it is in: what a model really used is said with the model. One
that was forgotten on request stays in those, too, and is in no new one. One that people were asked to label because a
version doubts about it is in a snapshot on the training side alone.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from include.catalog.forgotten import quarantine_forgotten, read_forgotten, refuse_forgotten
from include.catalog.keys import ImageKey
from include.catalog.manifest import manifest_digest
from include.catalog.requested import INFORMATIVE
from include.catalog.split import Split, SplitImage, assign_splits, is_used
from include.catalog.urls import URL_SECONDS, url_refresher
from include.config import PipelineConfig
from include.config_parts import StageConfig
from include.errors import ConcurrentChangeError, DriftgateError, FetchError, SnapshotError
from include.warehouse.identifiers import quote_identifier
from include.warehouse.loading import LOADED_KEYS, LOADED_PIXELS, LOADED_SNAPSHOT, loaded_rows
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

MIN_IMAGES_PER_CLASS = 3
"""One to train on, one to validate on, one to test on."""
MIN_MEASURED_PER_CLASS = 2
"""One to validate on, one to test on: informative images are for neither."""


class ContentDigest(Protocol):
    """The SHA-256 of a file, or why there is none: an error that may pass, or one that will not."""

    @property
    def sha256(self) -> str | None: ...  # noqa: D102
    @property
    def error(self) -> DriftgateError | None: ...  # noqa: D102


class DigestReader(Protocol):
    """Reads the files behind URLs and returns, in their order, the digest of each."""

    def __call__(self, urls: Sequence[str], *, refresh: Callable[[int], str]) -> Sequence[ContentDigest]:
        """Read the files; `refresh` makes a new URL for one whose URL has expired."""
        ...


class Snapshot(NamedTuple):
    """A frozen data set."""

    snapshot_id: str
    keys: tuple[ImageKey, ...]
    n_by_class: Mapping[str, int]
    n_by_split: Mapping[Split, int]


class _Labelled(NamedTuple):
    stage: str
    relative_path: str
    etag: str
    label: str
    label_source: str
    content_sha256: str | None
    split: str | None

    @property
    def key(self) -> ImageKey:
        return ImageKey(self.stage, self.relative_path, self.etag)

    @property
    def is_informative(self) -> bool:
        return self.label_source == INFORMATIVE


class _Row(NamedTuple):
    stage: str
    relative_path: str
    etag: str
    label: str
    label_source: str
    split: Split
    content_sha256: str

    @property
    def key(self) -> ImageKey:
        return ImageKey(self.stage, self.relative_path, self.etag)

    @property
    def is_used(self) -> bool:
        """Whether it is in the snapshot; else its side alone is written down."""
        return is_used(self.split, is_informative=self.label_source == INFORMATIVE)


class _Located(NamedTuple):
    stage: str
    relative_path: str
    etag: str
    url: str


class _FixedSplit(NamedTuple):
    content_sha256: str
    split: str


class _Stray(NamedTuple):
    stage: str
    relative_path: str
    n_images: int


class _Count(NamedTuple):
    n: int


def freeze_snapshot(
    warehouse: Warehouse, config: PipelineConfig, *, run_id: str, work_path: str, read_digests: DigestReader
) -> Snapshot:
    """Freeze the live, labelled images of both stages.

    Images that were never read are read once, for their digest. The same images and labels give the same id and no
    new row.

    Args:
        warehouse: A session, not in a transaction.
        config: The pipeline.
        run_id: The run that freezes.
        work_path: Where this try of the task may put files below the work stage.
        read_digests: How the files behind presigned URLs are read.

    Raises:
        SnapshotError: No labelled images, fewer than two classes, or a class with fewer than three images.
        FetchError: A staged file could not be read.
    """
    started = time.monotonic()
    training, incoming = config.stages.training, config.stages.incoming
    labelled = warehouse.fetch(
        "snapshots/select_labelled_images", _Labelled, training_stage=training.name, incoming_stage=incoming.name
    )
    _warn_of_stray_labels(warehouse)
    if not labelled:
        raise SnapshotError(
            f"stage {training.name} ({training.url or 'internal'}) has no labelled image: put images there whose path "
            f"matches labels.from_path ({config.labels.from_path!r}), as in shirt/0001.jpg"
        )
    digests = _digests(
        warehouse, labelled, (training, incoming), run_id=run_id, work_path=work_path, read_digests=read_digests
    )
    readable = [image for image in labelled if image.key in digests]
    _check_classes(readable, digests)

    fixed_rows = warehouse.fetch("snapshots/select_fixed_splits", _FixedSplit)
    splits = assign_splits(
        [SplitImage(digests[image.key], image.label, image.relative_path, image.is_informative) for image in readable],
        {row.content_sha256: Split(row.split) for row in fixed_rows},
        group_pattern=config.split.group,
    )
    rows = sorted(
        _Row(*image.key, image.label, image.label_source, splits[digests[image.key]], digests[image.key])
        for image in readable
    )
    used = [row for row in rows if row.is_used]
    snapshot = Snapshot(
        snapshot_id=manifest_digest(used),
        keys=tuple(row.key for row in used),
        n_by_class=Counter(row.label for row in used),
        n_by_split=Counter(row.split for row in used),
    )
    _write(warehouse, snapshot, rows, run_id=run_id, work_path=work_path)
    log.info(
        "snapshot %s: %d images of %d classes (%s), without %d informative ones of other sides, in %.1f s",
        snapshot.snapshot_id[:12],
        len(used),
        len(snapshot.n_by_class),
        ", ".join(f"{n} {split}" for split, n in sorted(snapshot.n_by_split.items())),
        len(rows) - len(used),
        time.monotonic() - started,
    )
    return snapshot


def _warn_of_stray_labels(warehouse: Warehouse) -> None:
    """Tell of labels that no image has, as a mistyped path or tag leaves them."""
    stray = warehouse.fetch_one("snapshots/select_stray_labels", _Stray)
    if stray:
        log.warning(
            "LABELS has rows for %d images that are not in the catalog, the first is %s of stage %s: they are left out",
            stray.n_images,
            stray.relative_path,
            stray.stage,
        )


def _digests(
    warehouse: Warehouse,
    labelled: Sequence[_Labelled],
    stages: Sequence[StageConfig],
    *,
    run_id: str,
    work_path: str,
    read_digests: DigestReader,
) -> dict[ImageKey, str]:
    """Return the content digest of each image; one that is too large to be read has none."""
    digests = {image.key: image.content_sha256 for image in labelled if image.content_sha256}
    unread = [image.key for image in labelled if image.content_sha256 is None]
    if not unread:
        return digests
    with loaded_rows(warehouse, LOADED_KEYS, unread, work_path=work_path):
        located = [
            row
            for stage in stages
            for row in warehouse.fetch(
                "images/select_urls",
                _Located,
                stage_name=stage.name,
                seconds=URL_SECONDS,
                identifiers={"stage": quote_identifier(stage.name)},
            )
        ]
    read = read_digests([row.url for row in located], refresh=url_refresher(warehouse, located))
    keys = [ImageKey(row.stage, row.relative_path, row.etag) for row in located]
    _keep(warehouse, list(zip(keys, read, strict=True)), run_id=run_id, work_path=work_path)
    digests |= {key: digest.sha256 for key, digest in zip(keys, read, strict=True) if digest.sha256 is not None}
    forgotten = read_forgotten(warehouse)
    return {key: digest for key, digest in digests.items() if not forgotten.covers(key, digest)}


def _keep(warehouse: Warehouse, read: Sequence[tuple[ImageKey, ContentDigest]], *, run_id: str, work_path: str) -> None:
    """Write down what was read of images, so that it is not read again, and quarantine what nobody can read.

    Raises:
        FetchError: A file could not be read this time.
    """
    rows = [
        (*key, digest.sha256, *(None,) * 7, str(digest.error) if digest.sha256 is None else None)
        for key, digest in read
        if digest.error is None or not digest.error.is_transient
    ]

    def keep() -> None:
        warehouse.run("pixels/set_content_digests")
        warehouse.run("pixels/merge_quarantine", run_id=run_id)
        quarantine_forgotten(warehouse)

    with loaded_rows(warehouse, LOADED_PIXELS, rows, work_path=work_path):
        warehouse.alone(keep)
    failed = [(key, digest.error) for key, digest in read if digest.error is not None and digest.error.is_transient]
    if failed:
        key, error = failed[0]
        raise FetchError(
            f"{len(failed)} of {len(read)} images could not be read; the first is {key.relative_path} of stage "
            f"{key.stage}: {error}"
        ) from error


def _check_classes(images: Sequence[_Labelled], digests: Mapping[ImageKey, str]) -> None:
    """Refuse a data set that cannot be trained, validated and tested on."""
    contents: dict[str, set[str]] = defaultdict(set)
    measured: dict[str, set[str]] = defaultdict(set)
    labels: dict[str, set[str]] = defaultdict(set)
    for image in images:
        contents[image.label].add(digests[image.key])
        if not image.is_informative:
            measured[image.label].add(digests[image.key])
        labels[digests[image.key]].add(image.label)
    small = {label: len(found) for label, found in sorted(contents.items()) if len(found) < MIN_IMAGES_PER_CLASS}
    if small:
        listed = ", ".join(f"{label!r} has {n}" for label, n in small.items())
        raise SnapshotError(
            f"each class needs at least {MIN_IMAGES_PER_CLASS} different images: {listed}; "
            "add images or remove the class"
        )
    unmeasured = sorted(label for label in contents if len(measured[label]) < MIN_MEASURED_PER_CLASS)
    if unmeasured:
        listed = ", ".join(map(repr, unmeasured))
        raise SnapshotError(
            f"nearly all labels of {listed} are of images that were picked because a version doubts about them, which "
            f"may be trained on but not measured with: label at least {MIN_MEASURED_PER_CLASS} others of each class, "
            "or correct the labels"
        )
    if len(contents) < 2:
        raise SnapshotError(f"there is only one class, {next(iter(contents), None)!r}; a classifier needs two")
    contradicting = sum(len(found) > 1 for found in labels.values())
    if contradicting:
        log.warning("%d images are there more than once with different labels", contradicting)


def _write(warehouse: Warehouse, snapshot: Snapshot, rows: Sequence[_Row], *, run_id: str, work_path: str) -> None:
    """Write the snapshot, and with it on which side its images are, those that are left out of it, too."""

    def write() -> None:
        if warehouse.fetch("snapshots/count_split_conflicts", _Count)[0].n:
            raise ConcurrentChangeError("another run gave some of these images a side meanwhile; try again")
        refuse_forgotten(warehouse, ((row.key, row.content_sha256) for row in rows))
        warehouse.run("snapshots/fix_splits")
        warehouse.run(
            "snapshots/insert_snapshot",
            snapshot_id=snapshot.snapshot_id,
            n_images=len(snapshot.keys),
            n_classes=len(snapshot.n_by_class),
            run_id=run_id,
        )
        warehouse.run("snapshots/insert_snapshot_images", snapshot_id=snapshot.snapshot_id)

    with loaded_rows(warehouse, LOADED_SNAPSHOT, rows, work_path=work_path):
        warehouse.alone(write)
