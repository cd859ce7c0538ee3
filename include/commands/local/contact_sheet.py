"""A contact sheet of classified images, each with its answer, and the truth beside it where it is another."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from include.images.contact_sheet import Cell, Layout, Section, draw_sheet

if TYPE_CHECKING:  # a quarter of a second to import
    from PIL import Image

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
    sections = [
        Section(band.caption, [_cell(image, layout) for image in band.images[: layout.n_in_section]]) for band in bands
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    draw_sheet(sections, title=title, layout=layout).save(target)
    return sum(len(section.cells) for section in sections)


def worst_first(images: Sequence[AnsweredImage]) -> list[AnsweredImage]:
    """Return the wrong answers, then the others, each with the least confident first."""
    return sorted(images, key=lambda image: (not image.is_wrong, image.confidence))


def evenly(images: Sequence[AnsweredImage], n: int) -> list[AnsweredImage]:
    """Return at most so many images that are spread evenly over all."""
    n_shown = min(n, len(images))
    return [images[place * len(images) // n_shown] for place in range(n_shown)]


def _cell(image: AnsweredImage, layout: Layout) -> Cell:
    text = f"{image.answer}  {image.confidence:.0%}"
    if layout.n_lines == 1:
        lines: tuple[str, ...] = (text + (f"  not {image.truth}" if image.is_wrong else ""),)
    else:
        lines = (text, *([f"not {image.truth}"] if image.is_wrong else []))
    return Cell(_picture(image.path, layout.picture), lines, is_marked=image.is_wrong)


def _picture(file: Path, side: int) -> "Image.Image | None":
    """Return an image with its own proportions that fits into a square; a small one is made larger by whole factors."""
    from PIL import Image

    from include.commands.local.pictures import upright
    from include.errors import UnreadableImageError

    try:
        picture = upright(file, longest_side=side)
    except (UnreadableImageError, OSError):  # no picture is no reason to have no sheet
        return None
    factor = max(1, side // max(picture.size))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
