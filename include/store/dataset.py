"""A snapshot as a model sees it: pixels, labels, sides."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.catalog.keys import ImageKey
from include.catalog.split import Split
from include.config_parts import PreprocessingConfig
from include.errors import SnapshotError
from include.store.files import FileStore
from include.store.pixels import ImageSource, PixelReader, SubsetSource
from include.store.snapshot_images import read_snapshot_images
from include.warehouse.session import Warehouse


class LabelledImages(NamedTuple):
    """One side of a data set."""

    images: ImageSource
    labels: NDArray[np.int64]
    """The place of each image's class in the data set's classes, [n]."""
    keys: tuple[ImageKey, ...]
    content_digests: tuple[str, ...]
    """The SHA-256 of each image's file."""

    def subset(self, places: NDArray[np.int64]) -> "LabelledImages":
        """Return the images at these places, in this order."""
        return LabelledImages(
            SubsetSource(self.images, places),
            self.labels[places],
            tuple(self.keys[place] for place in places),
            tuple(self.content_digests[place] for place in places),
        )


class Dataset(NamedTuple):
    """The readable images of a snapshot."""

    classes: tuple[str, ...]
    """Sorted."""
    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages


def read_dataset(
    warehouse: Warehouse, store: FileStore, *, snapshot_id: str, preprocessing: PreprocessingConfig
) -> Dataset:
    """Return the readable images of a snapshot, in an order that is always the same.

    Raises:
        SnapshotError: Nothing is readable, a side is empty, or a class has no image to train on.
        MissingSegmentError: Pixels are gone since they were prepared.
    """
    images = read_snapshot_images(warehouse, snapshot_id=snapshot_id, preprocessing=preprocessing)
    classes = tuple(sorted({image.label for image in images}))
    located = [(image, image.location) for image in images if image.location is not None]
    rows = [image for image, _ in located]
    if not rows:
        raise SnapshotError(f"none of the images of snapshot {snapshot_id[:12]} is readable: see QUARANTINE for why")
    untrained = set(classes) - {row.label for row in rows if row.split == Split.TRAIN}
    if untrained:
        raise SnapshotError(
            f"no readable image to train on for the classes {', '.join(sorted(untrained))}: see QUARANTINE for why, "
            "and add images or remove the class"
        )
    number = {label: place for place, label in enumerate(classes)}
    everything = LabelledImages(
        PixelReader(store, [location for _, location in located]),
        np.array([number[row.label] for row in rows], dtype=np.int64),
        tuple(row.key for row in rows),
        tuple(row.content_sha256 for row in rows),
    )
    splits = np.array([row.split for row in rows])

    def side(split: Split) -> LabelledImages:
        places = np.flatnonzero(splits == split)
        if not places.size:
            raise SnapshotError(f"snapshot {snapshot_id[:12]} has no readable image on the {split} side: add images")
        return everything.subset(places)

    return Dataset(classes, side(Split.TRAIN), side(Split.VALIDATION), side(Split.TEST))
