"""The file of a version's answers, which grows row group by row group: any number of them takes little memory."""

import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet

from include.catalog.forgotten import Forgotten
from include.catalog.keys import ImageKey
from include.store.files import FileStore, sha256_of_file
from include.store.findings import DecodedImages
from include.store.preparation import LocatedImages
from include.warehouse.loading import LOADED_PREDICTIONS

if TYPE_CHECKING:  # torch, which nobody needs who has no answers
    from include.models.answers import Predictions

_GROUP_ROWS = 8192
"""About how many rows are in memory, and in a row group of the file."""
_SCHEMA = LOADED_PREDICTIONS.schema
_KEY = [field.upper() for field in ImageKey._fields]


class Answers(NamedTuple):
    """A reference to answers in the store."""

    path: str
    """A Parquet file with the columns of `LOADED_PREDICTIONS`, below the store's root."""
    n_images: int


class AnswerFile:
    """Takes answers and puts them into the store as one file. A context manager.

    Args:
        store: The pipeline's files.
        version: Who answers.
    """

    def __init__(self, store: FileStore, *, version: int) -> None:
        self._store = store
        self._version = version
        self._tables: list[pa.Table] = []
        self._n_waiting = 0

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="driftgate-")
        self._path = Path(self._folder.name) / "answers.parquet"
        self._writer = pyarrow.parquet.ParquetWriter(self._path, _SCHEMA)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()
        self._folder.cleanup()

    def add(self, images: DecodedImages | LocatedImages, predictions: "Predictions") -> None:
        """Add the answers to some images, given in their order."""
        n_images = len(images.keys)
        now = datetime.now(UTC).replace(tzinfo=None)
        columns = [
            *zip(*images.keys, strict=True),
            [self._version] * n_images,
            predictions.labels,
            predictions.confidences.tolist(),
            [json.dumps(scores) for scores in predictions.scores.tolist()],
            [now] * n_images,
            *zip(*images.looks, strict=True),
            [_features(features) for features in predictions.features.tolist()],
        ]
        arrays = [pa.array(column, type=field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
        self._tables.append(pa.Table.from_arrays(arrays, schema=_SCHEMA))
        self._n_waiting += n_images
        if self._n_waiting >= _GROUP_ROWS:
            self._flush()

    def finish(self, forgotten: Forgotten) -> Answers:
        """Put the file into the store, named by its digest, without the images that were erased meanwhile."""
        self._flush()
        self._writer.close()
        path = self._without(forgotten) if forgotten.versions else self._path
        name = f"answers/{sha256_of_file(path)}.parquet"
        with self._store.new_file(name) as stored:
            shutil.copyfile(path, stored)
        return Answers(name, pyarrow.parquet.read_metadata(path).num_rows)

    def _flush(self) -> None:
        if self._tables:
            self._writer.write_table(pa.concat_tables(self._tables), row_group_size=2 * _GROUP_ROWS)
            self._tables, self._n_waiting = [], 0

    def _without(self, forgotten: Forgotten) -> Path:
        path = self._path.with_name("kept.parquet")
        with pyarrow.parquet.ParquetFile(self._path) as answers, pyarrow.parquet.ParquetWriter(path, _SCHEMA) as kept:
            for rows in answers.iter_batches(batch_size=_GROUP_ROWS):
                keys = (ImageKey(*key.values()) for key in rows.select(_KEY).to_pylist())
                kept.write_batch(rows.filter(pa.array([not forgotten.covers(key, None) for key in keys], pa.bool_())))
        return path


def _features(features: list[float]) -> str | None:
    """Return an image's features as JSON; None: the version gives none. No test tells four digits from all of them."""
    return "[" + ",".join([f"{feature:.4g}" for feature in features]) + "]" if features else None
