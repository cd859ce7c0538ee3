"""Lists of images to label, as spreadsheets and people leave them."""

import csv
import io
from datetime import datetime

import pytest

from include.catalog.label_lists import COLUMNS, ListedLabel, read_list, restored, without, write_list
from include.catalog.requested import LabelRequest
from include.errors import LabelError

NAMES = (
    "shirt/1.png",
    "=HYPERLINK(1).png",
    "+1.png",
    "-1.png",
    "@x.png",
    "'=quoted.png",
    "''+twice.png",
    "'plain apostrophe.png",
    "\t=tab.png",
    'a, "b"; c\nd.png',
    "<b>衣服</b> ñ.png",
)


def request(path: str, place: int = 1, *, predicted: str = "a") -> LabelRequest:
    return LabelRequest(
        "c1", "NEW", path, "e", 3, "random", predicted, 0.51249, None, place, datetime(2026, 1, 1), is_live=True
    )


def listed(content: str | bytes) -> tuple[ListedLabel, ...]:
    return read_list(content.encode() if isinstance(content, str) else content).labels


def filled(content: bytes, label: str, *, delimiter: str = ",") -> bytes:
    """Fill in all labels, as a spreadsheet writes the file back."""
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([header, *([*row[:-1], label] for row in rows)])
    return out.getvalue().encode("utf-8-sig")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_list_comes_back_as_it_went_whatever_the_names(delimiter: str) -> None:
    content = write_list([request(name, place) for place, name in enumerate(NAMES, start=1)])

    back = listed(filled(content, "hat", delimiter=delimiter))

    assert [label.relative_path for label in back] == list(NAMES)
    assert {(label.check_id, label.stage, label.label) for label in back} == {("c1", "NEW", "hat")}
    assert [label.number for label in back] == [str(place) for place in range(1, len(NAMES) + 1)]


def test_no_cell_is_a_formula() -> None:
    content = write_list([request(name, predicted=name) for name in NAMES])

    cells = [cell for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) for cell in row]

    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert content.startswith(b"\xef\xbb\xbf"), "Excel knows UTF-8 by its mark alone"
    assert cells[: len(COLUMNS)] == list(COLUMNS)


def test_a_cell_that_was_not_defused_is_taken_as_it_is() -> None:
    assert [restored(cell) for cell in ("=a", "'a", "'=a", "''=a", "'", "")] == ["=a", "'a", "=a", "'=a", "'", ""]


@pytest.mark.parametrize(
    "content",
    [
        "relative_path,label\na.png,hat\n",
        "\ufeffrelative_path,label\r\na.png,hat\r\n",
        "sep=;\nrelative_path;label\na.png;hat\n",
        "Label ; Relative_Path\n  hat ;a.png\n",
        "note,relative_path,label\n,,\n\n=1+1,a.png,hat",
        '"relative_path"\t"label"\n"a.png"\t"hat"',
    ],
)
def test_the_least_columns_suffice_in_any_order_and_dress(content: str) -> None:
    [label] = listed(content)

    assert (label.relative_path, label.label) == ("a.png", "hat")


def test_lines_without_a_label_are_counted_and_lines_are_numbered_as_an_editor_does() -> None:
    content = 'sep=,\nrelative_path,label\n"a\nb.png",hat\nc.png,\nd.png, \ne.png,cap\n'

    found = read_list(content.encode())

    assert [(label.line, label.relative_path) for label in found.labels] == [(3, "a\nb.png"), (7, "e.png")]
    assert found.n_empty == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty: its first line names the columns"),
        (b"\n \n", "the file is empty"),
        (
            b"path,class\na,b",
            r"the columns are path, class; needed are label and relative_path \(or check and number\)",
        ),
        (b"number,label\n1,hat", "the columns are number, label"),
        (b"relative_path\na", "the columns are relative_path;"),
        (b"a.png,hat\nb.png,cap", "the columns are a.png, hat"),
        (b"label,relative_path,Label\n1,2,3", "the column label is there twice"),
        (
            "relative_path,label\na,b\nb,caf\xe9".encode("latin-1"),
            r"line 3 is not UTF-8 \(byte 0xe9\): save the file as",
        ),
        ("relative_path,label\na,b".encode("utf-16"), r"line 1 is not UTF-8 \(byte 0xff\)"),
        (b"relative_path,label\na,b\na,b,c", "line 3 has 3 cells, the first line names 2 columns"),
        (b'relative_path,label\n"a,b\n', "line 2 cannot be read as CSV"),
        (b'relative_path,label\n"a"b,c\n', "line 2 cannot be read as CSV"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(content: bytes, told: str) -> None:
    with pytest.raises(LabelError, match=told):
        read_list(content)


def test_an_image_can_be_taken_out() -> None:
    content = write_list([request(name, place) for place, name in enumerate(NAMES)])

    kept = without(content, lambda stage, path: (stage, path) == ("NEW", "=HYPERLINK(1).png"))

    assert kept == write_list([request(name, place) for place, name in enumerate(NAMES) if place != 1])
    assert without(content, lambda _stage, _path: False) == content
