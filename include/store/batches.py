"""Batches of images, as files that tasks hand to each other."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from include.catalog.keys import ImageKey
from include.config_parts import PreprocessingConfig
from include.handover import Handover
from include.store.files import FileStore
from include.warehouse.loading import LOADED_KEYS, write_rows


@dataclass(frozen=True, kw_only=True)
class Batch(Handover):
    """A reference to images that one task prepares, small enough for an XCom.

    The images themselves stand in a Parquet file of the store that is named by their digest: the same images make the
    same batch.
    """

    path: str
    """The Parquet file of the keys, below the store's root."""
    n_images: int
    size: int
    """The side, in pixels, of the square that the images are resized to."""
    version: int | None = None
    """The model version that is to answer them; none: they are prepared for training."""

    @property
    def preprocessing(self) -> PreprocessingConfig:
        """What is to be done to the images."""
        return PreprocessingConfig(size=self.size)


def write_batches(
    store: FileStore, parts: Sequence[Sequence[ImageKey]], *, preprocessing: PreprocessingConfig, version: int | None
) -> list[Batch]:
    """Write the keys of each part to the store and return the references."""
    return [
        Batch(path=_write_keys(store, part), n_images=len(part), size=preprocessing.size, version=version)
        for part in parts
    ]


def _write_keys(store: FileStore, keys: Sequence[ImageKey]) -> str:
    digest = hashlib.sha256(json.dumps(keys).encode()).hexdigest()
    path = f"batches/{digest}.parquet"
    # Again, if it is there: how long nobody has needed a file is told by its age.
    with store.new_file(path) as file:
        write_rows(file, LOADED_KEYS, keys)
    return path
