"""A contact sheet: classified images side by side, each with its answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_CELL = 92
_PICTURE = 64
_HEADER = 40
_COLUMNS = 12
_ROWS = 6
_INK, _WRONG, _PAPER = (30, 30, 30), (200, 30, 30), (255, 255, 255)


class AnsweredImage(NamedTuple):
    """An image with its answer."""

    path: Path
    answer: str
    confidence: float
    truth: str

    @property
    def is_wrong(self) -> bool:
        """Whether the answer is not the truth."""
        return self.answer != self.truth


def draw_contact_sheet(images: Sequence[AnsweredImage], target: Path, *, title: str) -> int:
    """Draw the wrong answers and the least confident ones first: those are worth a look.

    Args:
        images: The images to choose from.
        target: The PNG file to write.
        title: The line at the top.

    Returns:
        How many images are shown.
    """
    from PIL import Image, ImageDraw, ImageFont

    shown = sorted(images, key=lambda image: (not image.is_wrong, image.confidence))[: _COLUMNS * _ROWS]
    rows = -(-len(shown) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _CELL, _HEADER + rows * _CELL), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((10, 10), title, fill=_INK, font=ImageFont.load_default(18))
    font = ImageFont.load_default(13)
    for position, image in enumerate(shown):
        left, top = (position % _COLUMNS) * _CELL, _HEADER + (position // _COLUMNS) * _CELL
        with Image.open(image.path) as picture:
            sheet.paste(
                picture.convert("RGB").resize((_PICTURE, _PICTURE), Image.Resampling.NEAREST),
                (left + (_CELL - _PICTURE) // 2, top),
            )
        text = f"{image.answer}  {image.confidence:.0%}" + (f"  not {image.truth}" if image.is_wrong else "")
        middle = (left + _CELL // 2, top + _PICTURE + 4)
        draw.text(middle, text, fill=_WRONG if image.is_wrong else _INK, font=font, anchor="mt")
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target)
    return len(shown)
