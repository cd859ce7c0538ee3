"""A contact sheet: small pictures side by side, each with a few words below it."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # a quarter of a second to import
    from PIL import Image, ImageDraw

_HEADER = 40
_CAPTION = 30
_MARGIN = 10
_INK, _FAINT, _MARKED, _PAPER, _NOTHING = (
    (30, 30, 30),
    (110, 110, 110),
    (200, 30, 30),
    (255, 255, 255),
    (230, 230, 230),
)
_FONT = "mpl-data/fonts/ttf/DejaVuSans.ttf"
"""Of matplotlib's: it has the letters of more languages than Pillow's."""
_PROBE, _NO_CHARACTER = 20, "\uffff"
"""The size at which, and what shows how, a font draws what it lacks."""


class Layout(NamedTuple):
    """How large things are, in pixels, and how many there are."""

    picture: int
    """The side of the square that a picture fits into."""
    cell: int
    """The width of a cell."""
    text: int
    """The size of the letters below a picture."""
    line: int
    """The height of a line of text below a picture."""
    n_lines: int
    columns: int
    rows: int
    """The most rows of a section."""

    @property
    def n_in_section(self) -> int:
        """The most pictures of a section."""
        return self.columns * self.rows

    @property
    def height(self) -> int:
        """The height of a cell."""
        return self.picture + self.n_lines * self.line + _MARGIN


class Cell(NamedTuple):
    """A picture with what is said of it."""

    picture: "Image.Image | None"
    """At most as large as the layout's; None: it cannot be shown, and its place is grey."""
    lines: tuple[str, ...]
    is_marked: bool = False
    """Whether the words are red."""


class Section(NamedTuple):
    """Pictures that are shown together."""

    caption: str
    """The line above them; none if it is empty."""
    cells: Sequence[Cell]


def draw_sheet(sections: Sequence[Section], *, title: str, layout: Layout) -> "Image.Image":
    """Draw sections below each other.

    Args:
        sections: The sections; of each as many pictures are shown as fit, and one without pictures is left out.
        title: The line at the top.
        layout: How large things are.
    """
    from PIL import Image, ImageDraw

    shown = [Section(of.caption, of.cells[: layout.n_in_section]) for of in sections if of.cells]
    heights = [_CAPTION * bool(of.caption) + -(-len(of.cells) // layout.columns) * layout.height for of in shown]
    sheet = Image.new("RGB", (layout.columns * layout.cell, _HEADER + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    width = sheet.width - 2 * _MARGIN
    draw.text((_MARGIN, _MARGIN), _fitting(draw, title, 18, width), fill=_INK, font=_font(18))
    top = _HEADER
    for section, height in zip(shown, heights, strict=True):
        first_row = top
        if section.caption:
            caption = _fitting(draw, section.caption, 15, width)
            draw.text((_MARGIN, top + 4), caption, fill=_FAINT, font=_font(15))
            first_row += _CAPTION
        for position, cell in enumerate(section.cells):
            row, column = divmod(position, layout.columns)
            _draw_cell(sheet, draw, cell, (column * layout.cell, first_row + row * layout.height), layout)
        top += height
    return sheet


def _draw_cell(
    sheet: "Image.Image", draw: "ImageDraw.ImageDraw", cell: Cell, corner: tuple[int, int], layout: Layout
) -> None:
    left, top = corner
    if cell.picture is None:
        beside = (layout.cell - layout.picture) // 2
        box = (left + beside, top, left + beside + layout.picture - 1, top + layout.picture - 1)
        draw.rectangle(box, fill=_NOTHING)
    else:
        picture = cell.picture
        sheet.paste(picture, (left + (layout.cell - picture.width) // 2, top + (layout.picture - picture.height) // 2))
    for number, line in enumerate(cell.lines[: layout.n_lines]):
        middle = (left + layout.cell // 2, top + layout.picture + 2 + number * layout.line)
        fitting = _fitting(draw, line, layout.text, layout.cell - _MARGIN)
        draw.text(middle, fitting, fill=_MARKED if cell.is_marked else _INK, font=_font(layout.text), anchor="ma")


def _fitting(draw: "ImageDraw.ImageDraw", text: str, size: int, width: int) -> str:
    """Return a text that is not wider than so many pixels; its middle is left out, as both ends say more."""
    text = _legible(text)
    kept, shown = len(text), text
    while draw.textlength(shown, font=_font(size)) > width and kept > 2:
        kept -= 1
        shown = f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"
    return shown


def _legible(text: str) -> str:
    """Return a text in which letters that the font lacks, as Chinese ones, are their numbers and not equal boxes."""
    return "".join(c if _has_glyph(c) else c.encode("unicode_escape").decode("ascii") for c in text)


@cache
def _has_glyph(character: str) -> bool:
    drawn, nothing = (_font(_PROBE).getmask(c) for c in (character, _NO_CHARACTER))
    return (drawn.size, bytes(drawn)) != (nothing.size, bytes(nothing))


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    matplotlib = find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin is not None:
        file = Path(matplotlib.origin).parent / _FONT
        if file.is_file():
            return ImageFont.truetype(file, size)
    return ImageFont.load_default(size)
