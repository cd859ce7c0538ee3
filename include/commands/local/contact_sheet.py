"""A contact sheet: classified images side by side, each with its answer."""

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
_INK, _FAINT, _WRONG, _PAPER = (30, 30, 30), (130, 130, 130), (200, 30, 30), (255, 255, 255)
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
    """The most rows of a band."""

    @property
    def n_in_band(self) -> int:
        """The most images of a band."""
        return self.columns * self.rows

    @property
    def height(self) -> int:
        """The height of a cell."""
        return self.picture + self.n_lines * self.line + _MARGIN


DIGITS = Layout(picture=64, cell=92, text=11, line=18, n_lines=1, columns=12, rows=6)
PHOTOS = Layout(picture=136, cell=152, text=13, line=18, n_lines=2, columns=8, rows=2)


class AnsweredImage(NamedTuple):
    """An image with its answer."""

    path: Path
    answer: str
    confidence: float
    truth: str | None
    """None if nobody knows it."""

    @property
    def is_wrong(self) -> bool:
        """Whether the answer is known not to be the truth."""
        return self.truth is not None and self.answer != self.truth


class Band(NamedTuple):
    """Images that are shown together."""

    caption: str
    """The line above them; none if it is empty."""
    images: Sequence[AnsweredImage]


def draw_contact_sheet(images: Sequence[AnsweredImage], target: Path, *, title: str) -> int:
    """Draw the wrong answers and the least confident ones first: those are worth a look.

    Args:
        images: The images to choose from.
        target: The PNG file to write.
        title: The line at the top.

    Returns:
        How many images are shown.
    """
    return draw_bands([Band("", worst_first(images))], target, title=title, layout=DIGITS)


def draw_bands(bands: Sequence[Band], target: Path, *, title: str, layout: Layout) -> int:
    """Draw bands of images below each other; one without images is left out.

    Args:
        bands: The bands; of each as many images are shown as fit.
        target: The PNG file to write.
        title: The line at the top.
        layout: How large things are.

    Returns:
        How many images are shown.
    """
    from PIL import Image, ImageDraw

    shown = [Band(band.caption, band.images[: layout.n_in_band]) for band in bands if band.images]
    heights = [_CAPTION * bool(b.caption) + -(-len(b.images) // layout.columns) * layout.height for b in shown]
    sheet = Image.new("RGB", (layout.columns * layout.cell, _HEADER + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), _fitting(draw, title, 18, sheet.width - 2 * _MARGIN), fill=_INK, font=_font(18))
    top = _HEADER
    for band, height in zip(shown, heights, strict=True):
        first_row = top
        if band.caption:
            draw.text((_MARGIN, top + 4), band.caption, fill=_FAINT, font=_font(15))
            first_row += _CAPTION
        for position, image in enumerate(band.images):
            row, column = divmod(position, layout.columns)
            _draw_cell(sheet, draw, image, (column * layout.cell, first_row + row * layout.height), layout)
        top += height
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target)
    return sum(len(band.images) for band in shown)


def worst_first(images: Sequence[AnsweredImage]) -> list[AnsweredImage]:
    """Return the wrong answers, then the others, each with the least confident first."""
    return sorted(images, key=lambda image: (not image.is_wrong, image.confidence))


def evenly(images: Sequence[AnsweredImage], n: int) -> list[AnsweredImage]:
    """Return at most so many images that are spread evenly over all."""
    n_shown = min(n, len(images))
    return [images[place * len(images) // n_shown] for place in range(n_shown)]


def _draw_cell(
    sheet: "Image.Image", draw: "ImageDraw.ImageDraw", image: AnsweredImage, corner: tuple[int, int], layout: Layout
) -> None:
    left, top = corner
    picture = _picture(image.path, layout.picture)
    sheet.paste(picture, (left + (layout.cell - picture.width) // 2, top + (layout.picture - picture.height) // 2))
    text = f"{image.answer}  {image.confidence:.0%}"
    if layout.n_lines == 1:
        lines = [text + (f"  not {image.truth}" if image.is_wrong else "")]
    else:
        lines = [text, *([f"not {image.truth}"] if image.is_wrong else [])]
    for number, line in enumerate(lines):
        middle = (left + layout.cell // 2, top + layout.picture + 2 + number * layout.line)
        fitting = _fitting(draw, line, layout.text, layout.cell - 4)
        draw.text(middle, fitting, fill=_WRONG if image.is_wrong else _INK, font=_font(layout.text), anchor="ma")


def _picture(file: Path, side: int) -> "Image.Image":
    """Return an image with its own proportions that fits into a square; a small one is made larger by whole factors."""
    from PIL import Image

    from include.commands.local.pictures import upright
    from include.errors import UnreadableImageError

    try:
        picture = upright(file, longest_side=side)
    except (UnreadableImageError, OSError):  # no picture is no reason to have no sheet
        return Image.new("RGB", (side, side), (230, 230, 230))
    factor = max(1, side // max(picture.size))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


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
