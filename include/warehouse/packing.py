"""Several files of rows in one, on their way into the warehouse: one upload, however many tasks wrote rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from include.errors import StoreError

PLACE: Final = pa.field("PLACE", pa.int64())
"""A row's place among all that are packed, from 1: what tells two equal rows apart, and gives all an order."""

_ROWS_AT_ONCE: Final = 65_536
"""So many rows are in memory at once; with answers of ten classes, some 25 MB."""


def pack(files: Sequence[Path], schema: pa.Schema, target: Path) -> None:
    """Write the rows of Parquet files, in their order, to one file, with the column PLACE beside those of the schema.

    Args:
        files: Files that have at least the columns of the schema.
        schema: Which columns are packed.
        target: The file that is written.

    Raises:
        StoreError: A file cannot be read, or lacks a column.
    """
    packed = schema.append(PLACE)
    repeated = [field.name for field in schema if pa.types.is_string(field.type) and field.name in _FEW_VALUES]
    n_rows = 0
    # statistics of columns that nobody filters by cost a third of the time
    with pa.parquet.ParquetWriter(
        target, packed, compression="zstd", use_dictionary=repeated, write_statistics=False
    ) as writer:
        for file in files:
            try:
                n_rows = _append(file, schema, writer, n_rows)
            except (pa.ArrowException, KeyError, OSError) as error:
                raise StoreError(f"{file} does not hold rows with {', '.join(schema.names)}: {error}") from error


_FEW_VALUES: Final = frozenset({"STAGE", "TYPE", "LABEL", "LABEL_SOURCE", "SPLIT", "REASON", "SEGMENT"})
"""Columns that repeat their values; a dictionary of the others is built in vain."""


def _append(file: Path, schema: pa.Schema, writer: pa.parquet.ParquetWriter, n_before: int) -> int:
    """Write a file's rows, and return how many there are now."""
    with pa.parquet.ParquetFile(file) as source:
        for batch in source.iter_batches(batch_size=_ROWS_AT_ONCE, columns=schema.names, use_threads=False):
            columns = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
            places = pa.array(np.arange(n_before + 1, n_before + 1 + batch.num_rows))
            writer.write_table(columns.append_column(PLACE, places))
            n_before += batch.num_rows
    return n_before
