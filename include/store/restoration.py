"""An old snapshot made ready to be trained on again: which of its pixels are there, which can be decoded again.

Pixels belong to a content, so a file that was moved, or that lies there twice, restores an image as well as its own.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from include.catalog.forgotten import Forgotten, read_forgotten
from include.catalog.keys import ImageKey
from include.catalog.listing import list_stage
from include.catalog.split import Split
from include.config_parts import PreprocessingConfig, StageConfig, StagesConfig
from include.errors import SnapshotError
from include.handover import Handover
from include.store.files import FileStore
from include.store.pixels import is_whole
from include.store.snapshot_images import SnapshotImage, read_snapshot_images
from include.warehouse.identifiers import quote_identifier
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

Lost = Literal["gone", "changed", "forgotten"]

_WORDS: dict[Lost, str] = {
    "gone": "gone from the stage",
    "changed": "another file by now",
    "forgotten": "forgotten on request",
}


@dataclass(frozen=True, kw_only=True)
class RestoredSnapshot(Handover):
    """How much of a snapshot is there to train on again."""

    snapshot_id: str
    n_images: int
    n_lost: dict[Lost, int]
    """Images whose pixels were pruned and cannot be made again, by what became of them."""
    n_lost_to_train_on: int
    """Those of them that are on the training side."""
    first_lost: str | None
    """The first of them that was not forgotten on request: stage and path."""

    @property
    def n_all_lost(self) -> int:
        """How many images cannot be restored."""
        return sum(self.n_lost.values())

    @property
    def sentence(self) -> str:
        """What is there and what is not, in a sentence."""
        if not self.n_all_lost:
            return f"all {self.n_images} images of snapshot {self.snapshot_id[:12]} are there"
        kinds = ", ".join(f"{n} {_WORDS[lost]}" for lost, n in sorted(self.n_lost.items()))
        first = f"; the first is {self.first_lost}" if self.first_lost else ""
        return (
            f"{self.n_all_lost} of {self.n_images} images of snapshot {self.snapshot_id[:12]} cannot be restored, "
            f"{self.n_lost_to_train_on} of them to train on ({kinds}{first})"
        )


class Restoration(NamedTuple):
    """What is to be done to restore a snapshot, and what cannot be."""

    keys: tuple[ImageKey, ...]
    """Staged files that are to be decoded again."""
    restored: RestoredSnapshot
    """How it will be afterwards."""


class _StagedFile(NamedTuple):
    stage: str
    relative_path: str
    etag: str
    content_sha256: str | None


def plan_restoration(
    warehouse: Warehouse,
    store: FileStore,
    *,
    snapshot_id: str,
    preprocessing: PreprocessingConfig,
    stages: StagesConfig,
) -> Restoration:
    """Find out which images of a snapshot have to be decoded again, and from which staged files.

    An image that nobody could ever decode is no loss: it was not trained on then, either.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        snapshot_id: The snapshot.
        preprocessing: How its images are to be made into pixels.
        stages: The pipeline's stages as they are now.

    Raises:
        SnapshotError: There is no such snapshot.
    """
    images = _read_images(warehouse, snapshot_id=snapshot_id, preprocessing=preprocessing)
    forgotten = read_forgotten(warehouse)
    wanted = _without_pixels(store, images, forgotten)
    staged = _staged_files(warehouse, (stages.training, stages.incoming), snapshot_id=snapshot_id) if wanted else []
    sources = {file.content_sha256: file for file in reversed(staged) if file.content_sha256 is not None}
    lost = [image for image in wanted if image.content_sha256 not in sources]
    keys = {sources[image.content_sha256] for image in wanted if image.content_sha256 in sources}
    places = {(file.stage, file.relative_path) for file in staged}
    became = [_became(image, forgotten, places) for image in lost]
    named = [image for image, how in zip(lost, became, strict=True) if how != "forgotten"]
    restored = RestoredSnapshot(
        snapshot_id=snapshot_id,
        n_images=len(images),
        n_lost=dict(Counter(became)),
        n_lost_to_train_on=sum(image.split == Split.TRAIN for image in lost),
        first_lost=f"{named[0].relative_path!r} of stage {named[0].stage}" if named else None,
    )
    (log.warning if lost else log.info)("%s; %d files are to be decoded again", restored.sentence, len(keys))
    return Restoration(tuple(sorted(ImageKey(*file[:3]) for file in keys)), restored)


def refuse_unrestored(
    warehouse: Warehouse, store: FileStore, restored: RestoredSnapshot, *, preprocessing: PreprocessingConfig
) -> None:
    """Stop if other images than those that are known to be lost have no pixels.

    Raises:
        SnapshotError: Some have none: their files have changed since they were planned, or pixels were pruned.
    """
    images = _read_images(warehouse, snapshot_id=restored.snapshot_id, preprocessing=preprocessing)
    without = _without_pixels(store, images, read_forgotten(warehouse))
    if len(without) > restored.n_all_lost:
        raise SnapshotError(
            f"{len(without)} images of snapshot {restored.snapshot_id[:12]} have no pixels, {restored.n_all_lost} were "
            "known to be lost: files of the stage have changed meanwhile, or pixels were pruned; reproduce it again"
        )


def _read_images(warehouse: Warehouse, *, snapshot_id: str, preprocessing: PreprocessingConfig) -> list[SnapshotImage]:
    images = read_snapshot_images(warehouse, snapshot_id=snapshot_id, preprocessing=preprocessing)
    if not images:
        raise SnapshotError(f"SNAPSHOT_IMAGES has no snapshot {snapshot_id[:12]}: nothing can be trained on again")
    return images


def _without_pixels(store: FileStore, images: Sequence[SnapshotImage], forgotten: Forgotten) -> list[SnapshotImage]:
    """Return the images that could be decoded once and whose pixels are not in the store."""
    segments = {image.segment for image in images if image.segment is not None}
    whole = {segment for segment in segments if is_whole(store, segment)}
    return [
        image
        for image in images
        if image.segment not in whole and (image.reason is None or forgotten.covers(image.key, image.content_sha256))
    ]


def _staged_files(warehouse: Warehouse, stages: Iterable[StageConfig], *, snapshot_id: str) -> list[_StagedFile]:
    """Return what the stages hold now of a snapshot, whatever the catalog last saw."""
    found: list[_StagedFile] = []
    for stage in stages:
        identifiers = {"stage": quote_identifier(stage.name)}
        list_stage(warehouse, stage)
        found += warehouse.fetch(
            "reproduce/select_staged_files",
            _StagedFile,
            snapshot_id=snapshot_id,
            stage_name=stage.name,
            identifiers=identifiers,
        )
    return found


def _became(image: SnapshotImage, forgotten: Forgotten, places: set[tuple[str, str]]) -> Lost:
    """Return what became of an image that cannot be restored."""
    if forgotten.covers(image.key, image.content_sha256):
        return "forgotten"
    return "changed" if (image.stage, image.relative_path) in places else "gone"
