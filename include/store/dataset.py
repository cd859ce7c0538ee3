"""A snapshot as a model sees it: pixels, labels, sides."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.catalog.split import Split
from include.config import PreprocessingConfig
from include.errors import SnapshotError
from include.images.preprocessing import preprocessing_digest
from include.store.files import FileStore
from include.store.pixels import ImageSource, PixelLocation, PixelReader, SubsetSource
from include.warehouse.session import Warehouse


class LabelledImages(NamedTuple):
    """One side of a data set."""

    images: ImageSource
    labels: NDArray[np.int64]
    """The place of each image's class in the data set's classes, [n]."""


class Dataset(NamedTuple):
    """The readable images of a snapshot."""

    classes: tuple[str, ...]
    """Sorted."""
    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages


class _Row(NamedTuple):
    label: str
    split: str
    segment: str | None
    segment_row: int | None


def read_dataset(
    warehouse: Warehouse, store: FileStore, *, snapshot_id: str, preprocessing: PreprocessingConfig
) -> Dataset:
    """Return the readable images of a snapshot, in an order that is always the same.

    Raises:
        SnapshotError: Nothing is readable, a side is empty, or a class has no image to train on.
        MissingSegmentError: Pixels are gone since they were prepared.
    """
    images = warehouse.fetch(
        "snapshots/select_dataset",
        _Row,
        snapshot_id=snapshot_id,
        preprocessing_digest=preprocessing_digest(preprocessing),
    )
    classes = tuple(sorted({image.label for image in images}))
    rows = [
        (image.label, image.split, PixelLocation(image.segment, image.segment_row))
        for image in images
        if image.segment is not None and image.segment_row is not None
    ]
    if not rows:
        raise SnapshotError(f"none of the images of snapshot {snapshot_id[:12]} is readable: see QUARANTINE for why")
    untrained = set(classes) - {label for label, split, _ in rows if split == Split.TRAIN}
    if untrained:
        raise SnapshotError(
            f"no readable image to train on for the classes {', '.join(sorted(untrained))}: see QUARANTINE for why, "
            "and add images or remove the class"
        )
    reader = PixelReader(store, [location for _, _, location in rows])
    number = {label: place for place, label in enumerate(classes)}
    labels = np.array([number[label] for label, _, _ in rows], dtype=np.int64)
    splits = np.array([split for _, split, _ in rows])

    def side(split: Split) -> LabelledImages:
        places = np.flatnonzero(splits == split)
        if not places.size:
            raise SnapshotError(f"snapshot {snapshot_id[:12]} has no readable image on the {split} side: add images")
        return LabelledImages(SubsetSource(reader, places), labels[places])

    return Dataset(classes, side(Split.TRAIN), side(Split.VALIDATION), side(Split.TEST))
