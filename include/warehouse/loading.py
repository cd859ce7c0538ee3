"""Rows on their way into the warehouse: Parquet files, a work path of their own, a temporary table.

This is how every step writes back, with as many statements whatever the number of rows and of files: the files are
packed into one, which is PUT to a path that only this try of this task uses, a temporary table is made and filled by
COPY, which removes the file (DDL commits, so both come before any transaction), and the caller merges from the table in
one transaction. A step that is killed in between leaves a file that nobody reads.
"""

import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet

from include.errors import WarehouseError
from include.warehouse.identifiers import WORK_STAGE, stage_location
from include.warehouse.packing import pack
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


class LoadedTable(NamedTuple):
    """A temporary table, by the statements that make and fill it, and the columns of the files that fill it."""

    create: str
    copy: str
    schema: pa.Schema
    has_places: bool = False
    """Whether the table has the column PLACE, too: which of all loaded rows a row is, from 1."""


_KEY = [("STAGE", pa.string()), ("RELATIVE_PATH", pa.string()), ("ETAG", pa.string())]

LOADED_KEYS = LoadedTable("images/create_loaded_keys", "images/copy_loaded_keys", pa.schema(_KEY))
LOADED_SNAPSHOT = LoadedTable(
    "snapshots/create_loaded_snapshot",
    "snapshots/copy_loaded_snapshot",
    pa.schema(
        [
            *_KEY,
            ("LABEL", pa.string()),
            ("LABEL_SOURCE", pa.string()),
            ("SPLIT", pa.string()),
            ("CONTENT_SHA256", pa.string()),
        ]
    ),
)
LOADED_LABELS = LoadedTable(
    "labels/create_loaded_labels",
    "labels/copy_loaded_labels",
    pa.schema(
        [
            ("STAGE", pa.string()),
            ("RELATIVE_PATH", pa.string()),
            ("LABEL", pa.string()),
            ("SOURCE", pa.string()),
        ]
    ),
)
LOADED_REQUESTS = LoadedTable(
    "labels/create_loaded_requests",
    "labels/copy_loaded_requests",
    pa.schema(
        [
            *_KEY,
            ("KIND", pa.string()),
            ("TYPE", pa.string()),
            ("CONFIDENCE", pa.float64()),
            ("NOVELTY", pa.float64()),
            ("PLACE", pa.int64()),
        ]
    ),
)
LOADED_PIXELS = LoadedTable(
    "pixels/create_loaded_pixels",
    "pixels/copy_loaded_pixels",
    pa.schema(
        [
            *_KEY,
            ("CONTENT_SHA256", pa.string()),
            ("SEGMENT", pa.string()),
            ("SEGMENT_ROW", pa.int64()),
            ("WIDTH", pa.int64()),
            ("HEIGHT", pa.int64()),
            ("BRIGHTNESS", pa.float64()),
            ("CONTRAST", pa.float64()),
            ("SHARPNESS", pa.float64()),
            ("REASON", pa.string()),
        ]
    ),
)
LOADED_FEATURES = LoadedTable(
    "features/create_loaded_features",
    "features/copy_loaded_features",
    pa.schema([("CONTENT_SHA256", pa.string()), ("SEGMENT", pa.string()), ("SEGMENT_ROW", pa.int64())]),
)
LOADED_PREDICTIONS = LoadedTable(
    "predictions/create_loaded_predictions",
    "predictions/copy_loaded_predictions",
    pa.schema(
        [
            *_KEY,
            ("VERSION", pa.int64()),
            ("TYPE", pa.string()),
            ("CONFIDENCE", pa.float64()),
            ("SCORES", pa.string()),  # JSON
            ("PRED_TIMESTAMP", pa.timestamp("us")),
            ("SHORT_SIDE", pa.float64()),
            ("LONG_SIDE", pa.float64()),
            ("BRIGHTNESS", pa.float64()),
            ("CONTRAST", pa.float64()),
            ("SHARPNESS", pa.float64()),
            ("FEATURES", pa.string()),  # JSON
        ]
    ),
    has_places=True,
)


class TaskTry(NamedTuple):
    """One try of one task: what makes its work path its own."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int

    @property
    def work_path(self) -> str:
        """The path below the work stage that only this try uses: a SHA-256, as run ids may hold anything."""
        return hashlib.sha256(json.dumps(self).encode()).hexdigest()


@contextmanager
def loaded(warehouse: Warehouse, table: LoadedTable, files: Sequence[Path], *, work_path: str) -> Iterator[None]:
    """Hold the rows of Parquet files in a temporary table of this session.

    Args:
        warehouse: The session; it must not be in a transaction.
        table: What is loaded.
        files: Parquet files with the columns of `table`.
        work_path: Where below the work stage the rows lie meanwhile, without a slash at its end.

    Raises:
        StoreError: One of several files cannot be read.
        WarehouseError: The warehouse refused the files or the rows.
    """
    kind = table.copy.rpartition("/")[2]
    started = time.monotonic()
    warehouse.run(table.create)
    if files:
        location = {"location": stage_location(WORK_STAGE, f"{work_path}/{kind}/")}
        with _one_file(table, files) as file:
            _load(warehouse, table, file, location)
    log.debug("%s: %d files in %.2f s", kind, len(files), time.monotonic() - started)
    yield


def _load(warehouse: Warehouse, table: LoadedTable, file: Path, location: Mapping[str, str]) -> None:
    """Fill the temporary table; the COPY removes what the PUT has put, unless it fails."""
    try:
        warehouse.run("stages/put_file", file_url=f"file://{file}", identifiers=location)
        warehouse.run(table.copy, identifiers=location)
    except BaseException:
        _remove(warehouse, location)
        raise


@contextmanager
def _one_file(table: LoadedTable, files: Sequence[Path]) -> Iterator[Path]:
    """Hold the rows of several files in one."""
    if len(files) == 1 and not table.has_places:
        yield files[0]
        return
    with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
        packed = Path(folder) / "packed.parquet"
        pack(files, table.schema, packed)
        yield packed


def _remove(warehouse: Warehouse, location: Mapping[str, str]) -> None:
    """Remove work files; that they are still there harms nobody, so it fails no step."""
    try:
        warehouse.run("stages/remove_files", identifiers=location)
    except WarehouseError as error:
        log.warning("could not remove work files: %s", error)


@contextmanager
def loaded_rows(
    warehouse: Warehouse, table: LoadedTable, rows: Sequence[tuple[object, ...]], *, work_path: str
) -> Iterator[None]:
    """Hold rows in a temporary table of this session: `loaded`, for rows that are in memory.

    Args:
        warehouse: The session; it must not be in a transaction.
        table: What is loaded.
        rows: One tuple a row, in the order of the table's columns.
        work_path: As for `loaded`.
    """
    with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
        file = Path(folder) / "rows.parquet"
        write_rows(file, table, rows)
        with loaded(warehouse, table, [file] if rows else [], work_path=work_path):
            yield


def write_rows(file: Path, table: LoadedTable, rows: Sequence[tuple[object, ...]]) -> None:
    """Write rows, in the order of the table's columns, to a Parquet file."""
    columns: list[tuple[object, ...]] = list(zip(*rows, strict=True)) if rows else [() for _ in table.schema]
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, table.schema, strict=True)]
    pyarrow.parquet.write_table(pa.Table.from_arrays(arrays, schema=table.schema), file)
