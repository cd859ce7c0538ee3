"""Rows of one tensor in safetensors files of the store, of which only those that are asked for are read.

Rows are read into the batch and not mapped into memory: pages of mapped files count as memory of the task
(docs/adr/014-pixels-are-read.md).
"""

import hashlib
import json
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from io import RawIOBase
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.errors import MissingSegmentError, StoreError
from include.store.files import FileStore

MAX_OPEN = 256
"""The most files that a reader keeps open: a process may have some 1,000 files open, and segments may be many."""

_LENGTH_BYTES = 8
"""A safetensors file starts with the length of its JSON header, as a little-endian unsigned integer of this size."""
_NUMPY_TYPES: Mapping[str, np.dtype[Any]] = {"U8": np.dtype(np.uint8), "F16": np.dtype(np.float16)}


class RowLocation(NamedTuple):
    """Where what is known of one image is."""

    segment: str
    """The file's name in the store."""
    row: int


class RowKind(NamedTuple):
    """What the rows of a folder's files are."""

    folder: str
    tensor: str
    """What the tensor is called in the file."""
    dtype: str
    """As safetensors calls it."""
    rows: str
    """What the rows are, for messages."""
    allows: Callable[[tuple[int, ...]], bool]
    """Whether a tensor of such rows, at least one, may have this shape."""
    describe: Callable[[tuple[int, ...]], str]
    """What a row of this shape is, for messages."""
    missing: type[MissingSegmentError] = MissingSegmentError
    """What is raised where a file is missing or torn."""

    def name(self, identity: Sequence[str]) -> str:
        """Return the name of the file whose content is identified by these lines."""
        digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()
        return f"{self.folder}/{digest}.safetensors"


class RowFile(NamedTuple):
    """A whole file, and where its rows are."""

    name: str
    path: Path
    offset: int
    """Of the first row, in bytes."""
    shape: tuple[int, ...]
    """[n, …]."""
    row_bytes: int
    metadata: Mapping[str, str]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return self.shape[1:]


def write_rows_file(
    store: FileStore, kind: RowKind, name: str, *rows: NDArray[Any], metadata: Mapping[str, str]
) -> None:
    """Write rows under a name, at once; nothing is copied.

    Args:
        store: Where the file is written.
        kind: What the rows are.
        name: The file's name in the store.
        *rows: Arrays of rows of one shape, [n, …] each, at least one row together.
        metadata: What else the file says of itself.

    Raises:
        StoreError: The file cannot be written.
    """
    shape = (sum(map(len, rows)), *rows[0].shape[1:])
    tensor = {"dtype": kind.dtype, "shape": shape, "data_offsets": [0, sum(array.nbytes for array in rows)]}
    with store.new_file(name) as path, path.open("wb", buffering=0) as file:
        _write(file, _header({"__metadata__": dict(metadata), kind.tensor: tensor}))
        for array in rows:
            _write(file, np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _header(entries: dict[str, object]) -> bytes:
    """Return the start of a safetensors file; what follows it is aligned (see "Format" in its documentation)."""
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text


def _write(file: RawIOBase, content: bytes | memoryview) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) or 0 :]


def find_rows(store: FileStore, kind: RowKind, name: str) -> RowFile:
    """Find the rows of a file.

    Raises:
        MissingSegmentError: It is missing or torn.
    """
    try:
        path = store.local_path(name)
    except StoreError:
        if store.exists(name):
            raise
        raise kind.missing(name, "missing") from None
    try:
        return _parse(path, kind, name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise kind.missing(name, f"torn ({error})") from error


def read_row(store: FileStore, kind: RowKind, location: RowLocation) -> NDArray[Any]:
    """Return one row, for who wants no other: a file of a remote store is not downloaded for it.

    Raises:
        MissingSegmentError: The file is missing or torn, or has no such row.
        StoreError: It cannot be read.
    """
    stored = store.find(location.segment)
    if stored is None:
        raise kind.missing(location.segment, "missing")
    try:
        header_length = int.from_bytes(store.read_part(stored.name, 0, _LENGTH_BYTES), "little")
        # A header of one tensor has some hundred bytes; that of a torn file may claim any length.
        header = store.read_part(stored.name, _LENGTH_BYTES, min(header_length, stored.n_bytes))
        layout = _layout(header, kind, n_bytes=stored.n_bytes)
        content = store.read_part(stored.name, layout.offset + location.row * layout.row_bytes, layout.row_bytes)
        return np.frombuffer(content, dtype=_NUMPY_TYPES[kind.dtype]).reshape(layout.shape[1:])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise kind.missing(location.segment, f"torn ({error})") from error


class _Layout(NamedTuple):
    """How the rows lie in a file; the fields are those of `RowFile`."""

    offset: int
    shape: tuple[int, ...]
    row_bytes: int
    metadata: Mapping[str, str]


def _parse(path: Path, kind: RowKind, name: str) -> RowFile:
    """Read a file's header.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: The file is not a whole one of this kind.
    """
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        header_length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if header_length > n_bytes:
            raise ValueError("its header is cut off")
        header = file.read(header_length)
    return RowFile(name, path, *_layout(header, kind, n_bytes=n_bytes))


def _layout(text: bytes, kind: RowKind, *, n_bytes: int) -> _Layout:
    """Read a header, without its length: see "Format" in the documentation of safetensors.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: The file is not a whole one of this kind.
    """
    header = json.loads(text)
    tensor = header[kind.tensor]
    shape = tuple(tensor["shape"])
    begin, end = tensor["data_offsets"]
    if tensor["dtype"] != kind.dtype or not kind.allows(shape):
        raise ValueError(f"it holds {tensor['dtype']} {shape} and not {kind.dtype} {kind.rows}")
    start = _LENGTH_BYTES + len(text)
    row_bytes = prod(shape[1:]) * _NUMPY_TYPES[kind.dtype].itemsize
    n_needed = shape[0] * row_bytes
    if end - begin != n_needed or n_bytes != start + end:
        raise ValueError(f"it has {n_bytes:,} bytes, {start + n_needed:,} are needed")
    return _Layout(start + begin, shape, row_bytes, header.get("__metadata__", {}))


class _OpenFile:
    """A file, open for as long as something refers to it, so that a reader in another thread keeps it."""

    def __init__(self, file: RowFile, kind: RowKind) -> None:
        self._file = file
        self._kind = kind
        try:
            self._descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise kind.missing(file.name, "missing") from None
        weakref.finalize(self, os.close, self._descriptor)

    def read_rows(self, row: int, target: memoryview) -> None:
        """Read from a row on until the target is full."""
        offset = self._file.offset + row * self._file.row_bytes
        while target:
            n_read = os.preadv(self._descriptor, [target], offset)
            if not n_read:
                raise self._kind.missing(self._file.name, "torn (it has become shorter)")
            target, offset = target[n_read:], offset + n_read


class RowReader:
    """Rows of files, which are not read before they are needed.

    Args:
        store: Where the files are.
        kind: What the rows are.
        locations: Where each row is, at least one.

    Raises:
        MissingSegmentError: A file is missing or torn.
        StoreError: A row is not in its file, or the rows are not of one shape.
    """

    def __init__(self, store: FileStore, kind: RowKind, locations: Sequence[RowLocation]) -> None:
        if not locations:
            raise ValueError(f"there are no {kind.rows} to read: locations is empty")
        names = sorted({location.segment for location in locations})
        numbers = {name: number for number, name in enumerate(names)}
        self._kind = kind
        self._files = files = [find_rows(store, kind, name) for name in names]
        self._file_of = np.array([numbers[location.segment] for location in locations], dtype=np.int64)
        self._rows = np.array([location.row for location in locations], dtype=np.int64)
        self.row_shape = files[0].row_shape
        """The shape of one row."""
        for number, file in enumerate(files):
            self._check(file, self._rows[self._file_of == number])
        self._opened = lru_cache(MAX_OPEN)(lambda number: _OpenFile(files[number], kind))

    def _check(self, file: RowFile, rows: NDArray[np.int64]) -> None:
        if file.row_shape != self.row_shape:
            here, there = self._kind.describe(file.row_shape), self._kind.describe(self.row_shape)
            raise StoreError(f"segment {file.name} has {self._kind.rows} of {here}, others of {there}")
        if rows.min() < 0 or rows.max() >= file.shape[0]:
            raise StoreError(
                f"segment {file.name} has {file.shape[0]} {self._kind.rows}, row {rows.max()} (or {rows.min()}) "
                "was wanted"
            )

    def __len__(self) -> int:
        return len(self._rows)

    def locations(self, indices: NDArray[np.int64]) -> tuple[RowLocation, ...]:
        """Return where the rows at these places are, in this order."""
        found = zip(self._file_of[indices].tolist(), self._rows[indices].tolist(), strict=True)
        return tuple(RowLocation(self._files[number].name, row) for number, row in found)

    def gather(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows at these places, in this order: [len(indices), *row_shape].

        Raises:
            MissingSegmentError: A file has become shorter since, or has gone.
            StoreError: It cannot be read.
        """
        file_of = self._file_of[indices]
        rows = self._rows[indices]
        gathered: NDArray[Any] = np.empty((len(rows), *self.row_shape), dtype=_NUMPY_TYPES[self._kind.dtype])
        target, row_bytes = gathered.reshape(-1).view(np.uint8).data, self._files[0].row_bytes
        for start, end in _runs(file_of, rows):
            number = int(file_of[start])
            try:
                self._opened(number).read_rows(int(rows[start]), target[start * row_bytes : end * row_bytes])
            except OSError as error:
                name = self._files[number].name
                raise StoreError(f"segment {name} cannot be read: {error.strerror or error}") from error
        return gathered


def _runs(file_of: NDArray[np.int64], rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return start and end of each run of rows that follow each other in one file: they are read at once."""
    breaks = np.flatnonzero((np.diff(file_of) != 0) | (np.diff(rows) != 1)) + 1
    bounds = [0, *breaks.tolist(), len(rows)]
    return list(pairwise(bounds)) if len(rows) else []
