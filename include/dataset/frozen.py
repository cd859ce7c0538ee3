"""The data set of a snapshot, as the warehouse and the pixel store have it: nothing is decoded again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from include.catalog.forgotten import read_forgotten
from include.config_parts import PreprocessingConfig
from include.dataset.fingerprints import FingerprintMaker
from include.dataset.images import DatasetImage, LookedAt
from include.store.files import FileStore
from include.store.pixels import PixelLocation, PixelReader
from include.store.snapshot_images import SnapshotImage, read_snapshot_images
from include.warehouse.session import Warehouse

MAX_FINGERPRINTS = 20_000
"""How many different images near-duplicates are looked for among: a training run does not wait for more."""
_AT_ONCE = 256
"""Images that are read together."""


def look_at_snapshot(
    warehouse: Warehouse, store: FileStore, *, snapshot_id: str, preprocessing: PreprocessingConfig
) -> LookedAt:
    """Return what is known of the images of a snapshot; those that were forgotten since are left out.

    Raises:
        StoreError: Pixels are gone since they were prepared.
    """
    forgotten = read_forgotten(warehouse)
    rows = [
        row
        for row in read_snapshot_images(warehouse, snapshot_id=snapshot_id, preprocessing=preprocessing)
        if not forgotten.covers(row.key, row.content_sha256)
    ]
    pictures = _StoredPictures(store, rows)
    maker = FingerprintMaker()
    sample = _sample(rows)
    for start in range(0, len(sample), _AT_ONCE):
        places = sample[start : start + _AT_ONCE]
        maker.add(places, pictures.gather(places))
    images = [
        DatasetImage(row.relative_path, row.label, row.split, row.content_sha256, row.statistics, row.reason)
        for row in rows
    ]
    return LookedAt(images=images, fingerprints=maker.done(), pictures=pictures)


def _sample(rows: Sequence[SnapshotImage]) -> list[int]:
    """Return the places of different readable images: all, or those with the lowest digests, which is as if drawn."""
    of_content = {row.content_sha256: place for place, row in enumerate(rows) if row.segment is not None}
    drawn = [place for _, place in sorted(of_content.items())[:MAX_FINGERPRINTS]]
    # In the order in which they lie in the store.
    return sorted(drawn, key=lambda place: (rows[place].segment or "", rows[place].segment_row or 0))


class _StoredPictures:
    """Shows images of the pixel store.

    Args:
        store: The pipeline's files.
        rows: The images.
    """

    def __init__(self, store: FileStore, rows: Sequence[SnapshotImage]) -> None:
        self._store = store
        self._rows = rows

    def gather(self, places: Sequence[int]) -> NDArray[np.uint8]:
        """Return the pixels of the readable images at these places: RGB, [len(places), size, size, 3]."""
        rows = (self._rows[place] for place in places)
        locations = [PixelLocation(row.segment or "", row.segment_row or 0) for row in rows]
        return PixelReader(self._store, locations).gather(np.arange(len(places)))
