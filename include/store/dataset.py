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
    segment: str
    segment_row: int


def read_dataset(
    warehouse: Warehouse, store: FileStore, *, snapshot_id: str, preprocessing: PreprocessingConfig
) -> Dataset:
    """Return the readable images of a snapshot, in an order that is always the same.

    Raises:
        SnapshotError: Nothing is readable, a side is empty, or a class has no image to train on.
        MissingSegmentError: Pixels are gone since they were prepared.
    """
    rows = warehouse.fetch(
        "snapshots/select_dataset",
        _Row,
        snapshot_id=snapshot_id,
        preprocessing_digest=preprocessing_digest(preprocessing),
    )
    if not rows:
        raise SnapshotError(f"none of the images of snapshot {snapshot_id[:12]} is readable: see QUARANTINE for why")
    classes = tuple(sorted({row.label for row in rows}))
    untrained = set(classes) - {row.label for row in rows if row.split == Split.TRAIN}
    if untrained:
        raise SnapshotError(f"no readable image to train on for the classes {', '.join(sorted(untrained))}: add some")
    reader = PixelReader(store, [PixelLocation(row.segment, row.segment_row) for row in rows])
    number = {label: place for place, label in enumerate(classes)}
    labels = np.array([number[row.label] for row in rows], dtype=np.int64)
    splits = np.array([row.split for row in rows])

    def side(split: Split) -> LabelledImages:
        places = np.flatnonzero(splits == split)
        if not places.size:
            raise SnapshotError(f"snapshot {snapshot_id[:12]} has no readable image on the {split} side: add images")
        return LabelledImages(SubsetSource(reader, places), labels[places])

    return Dataset(classes, side(Split.TRAIN), side(Split.VALIDATION), side(Split.TEST))
