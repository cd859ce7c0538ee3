"""Batches of images, as files that tasks hand to each other."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet

from include.catalog.keys import ImageKey
from include.config_parts import PreprocessingConfig
from include.handover import Handover
from include.store.files import FileStore
from include.warehouse.loading import LOADED_KEYS, write_rows

PART_IMAGES = 8192
"""The most images of a batch whose rows, and whose URLs, are in memory at once."""


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
    jpeg_detail: Literal[1, 2] = 2
    """See `PreprocessingConfig`."""
    version: int | None = None
    """The model version that is to answer them; none: they are prepared for training."""

    @property
    def preprocessing(self) -> PreprocessingConfig:
        """What is to be done to the images."""
        return PreprocessingConfig(size=self.size, jpeg_detail=self.jpeg_detail)


def write_batches(
    store: FileStore, parts: Sequence[Sequence[ImageKey]], *, preprocessing: PreprocessingConfig, version: int | None
) -> list[Batch]:
    """Write the keys of each part to the store and return the references."""
    return [
        Batch(
            path=_write_keys(store, part),
            n_images=len(part),
            size=preprocessing.size,
            jpeg_detail=preprocessing.jpeg_detail,
            version=version,
        )
        for part in parts
    ]


def key_files(store: FileStore, batch: Batch, *, at_most: int = PART_IMAGES) -> Iterator[Path]:
    """Yield the keys of a batch as Parquet files of so many images at most, each of which is gone with the next one.

    Raises:
        StoreError: The batch's file is not there.
    """
    whole = store.local_path(batch.path)
    if batch.n_images <= at_most:
        yield whole
        return
    with tempfile.TemporaryDirectory(prefix="driftgate-") as folder, pyarrow.parquet.ParquetFile(whole) as keys:
        for number, rows in enumerate(keys.iter_batches(batch_size=at_most)):
            part = Path(folder) / f"{number}.parquet"
            pyarrow.parquet.write_table(pa.Table.from_batches([rows]), part)
            yield part
            part.unlink()


def _write_keys(store: FileStore, keys: Sequence[ImageKey]) -> str:
    digest = hashlib.sha256(json.dumps(keys).encode()).hexdigest()
    path = f"batches/{digest}.parquet"
    # Again, if it is there: how long nobody has needed a file is told by its age.
    with store.new_file(path) as file:
        write_rows(file, LOADED_KEYS, keys)
    return path
