"""Lists of images for people to label: CSV files that spreadsheets open, and that come back filled in.

A spreadsheet takes a cell that begins with = + - @ for a formula, and a path or a class may begin with anything. Such a
cell is written with an apostrophe before it, which is taken away when it is read.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from include.catalog.requested import LabelRequest
from include.errors import LabelError

COLUMNS = ("check", "number", "stage", "relative_path", "predicted", "confidence", "kind", "label")
"""What a list is written with; the label is for people to fill in."""

_READ = ("check", "number", "stage", "relative_path", "label", "source")
"""What is read of a list that comes back; other columns are left alone."""
_DELIMITERS = (",", ";", "\t")
"""Excel writes semicolons where the comma is the decimal sign."""
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")
_N_NAMED = 10
"""How many of a file's columns an error names."""


class ListedLabel(NamedTuple):
    """A line of a list that has a label."""

    line: int
    """In the file, from 1 on."""
    check_id: str
    """The check that asked for it; empty: none, the file at this path is meant as it is now."""
    number: str
    """Its number in the check's list, as it stands there; may be empty."""
    stage: str
    """May be empty."""
    relative_path: str
    """May be empty if there are check and number."""
    label: str
    source: str
    """Who gave it; may be empty."""


class LabelList(NamedTuple):
    """A list that came back."""

    labels: tuple[ListedLabel, ...]
    n_empty: int
    """Lines without a label."""


def write_list(requests: Sequence[LabelRequest]) -> bytes:
    """Return the list of some requests: UTF-8 with a mark at its beginning, by which Excel knows it."""
    return _written([COLUMNS, *map(_cells, requests)])


def read_list(content: bytes) -> LabelList:
    """Read a list that came back: with commas, semicolons or tabs, with or without the mark.

    White space around a label is left out. A line without a label is counted.

    Raises:
        LabelError: It is not UTF-8, has not the columns, or a line is not whole. The message names the line.
    """
    lines = io.StringIO(_decoded(content), newline="")
    start = lines.tell()
    first = lines.readline()
    if first.strip().lower().startswith("sep="):  # as Excel writes it, and takes it
        start, first = lines.tell(), lines.readline()
    delimiter = max(_DELIMITERS, key=lambda mark: len(set(_names(first, mark)) & set(_READ)))
    lines.seek(start)
    n_before = 1 if start else 0
    found: list[ListedLabel] = []
    n_empty = 0
    for number, cells in _rows(lines, delimiter):
        listed = ListedLabel(number + n_before, *(restored(cells.get(name, "")) for name in _READ))
        listed = listed._replace(label=listed.label.strip(), source=listed.source.strip())
        if listed.label:
            found.append(listed)
        else:
            n_empty += 1
    return LabelList(tuple(found), n_empty)


def without(content: bytes, is_gone: Callable[[str, str], bool]) -> bytes:
    """Return a list that `write_list` has written without the images of which `is_gone` (stage, path) is true."""
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    stage, path = header.index("stage"), header.index("relative_path")
    return _written([header, *(row for row in rows if not is_gone(restored(row[stage]), restored(row[path])))])


def defused(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """Return a cell as it was before `defused`."""
    return cell[1:] if _DEFUSED.match(cell) else cell


def _cells(request: LabelRequest) -> list[str]:
    texts = (request.check_id, str(request.place), request.stage, request.relative_path, request.type)
    return [*map(defused, texts), f"{request.confidence:.3f}", request.kind, ""]


def _written(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LabelError(
            f"line {line} is not UTF-8 (byte {content[error.start]:#04x}): save the file as “CSV UTF-8”, so that every "
            "letter arrives as it was meant"
        ) from error


def _names(header: str, delimiter: str) -> list[str]:
    cells = next(csv.reader([header], delimiter=delimiter), [])
    return [cell.strip().lower() for cell in cells]


def _rows(lines: io.StringIO, delimiter: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Return number and cells of each line that is not blank, by the names in the first one."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names: list[str] | None = None
    end = 0
    try:
        for cells in reader:
            first, end = end + 1, reader.line_num  # a cell may hold line feeds
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = [cell.strip().lower() for cell in cells]
                _check_names(names)
                continue
            if len(cells) > len(names):
                raise LabelError(
                    f"line {first} has {len(cells)} cells, the first line names {len(names)} columns: put a text that "
                    "contains the separator into quotes"
                )
            yield first, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise LabelError(f"line {reader.line_num} cannot be read as CSV: {error}") from error
    if names is None:
        raise LabelError("the file is empty: its first line names the columns, as in relative_path,label")


def _check_names(names: Sequence[str]) -> None:
    twice = sorted(name for name, n in Counter(names).items() if n > 1 and name in _READ)
    if twice:
        raise LabelError(f"the column {twice[0]} is there twice")
    if "label" in names and ("relative_path" in names or {"check", "number"} <= set(names)):
        return
    listed = ", ".join(name or "(no name)" for name in names[:_N_NAMED])
    more = ", …" if len(names) > _N_NAMED else ""
    raise LabelError(
        f"the columns are {listed}{more}; needed are label and relative_path (or check and number), for example\n"
        "relative_path,label\ncamera-2/0001.jpg,shirt"
    )
