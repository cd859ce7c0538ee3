"""What the first bytes of an image tell: whether it is one, and how large it is."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Self

from include.errors import UnreadableImageError

_N_START = 24
"""How many bytes tell an image's format."""


class Headers(NamedTuple):
    """What the headers of some images say."""

    short_sides: tuple[int, ...]
    """The shorter side of each readable image in pixels, sorted."""
    unreadable: tuple[str, ...]
    """The paths of the others, sorted."""

    @classmethod
    def of(cls, short_sides: Iterable[tuple[str, int | None]]) -> Self:
        """Sum up what was read of images: of each its path and its shorter side."""
        read = list(short_sides)
        return cls(
            short_sides=tuple(sorted(side for _, side in read if side is not None)),
            unreadable=tuple(sorted(path for path, side in read if side is None)),
        )

    @property
    def n(self) -> int:
        """How many were looked at."""
        return len(self.short_sides) + len(self.unreadable)

    @property
    def short_side(self) -> int:
        """The shorter side that three quarters of the readable images, of which there is one, have at least."""
        return self.short_sides[len(self.short_sides) // 4]


def read_short_side(file: Path) -> int | None:
    """Return the shorter side of an image in pixels; None if its header cannot be read."""
    from PIL import Image

    from include.images.decode import file_type

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about EXIF data
            with file_type(_start(file))(file) as image:
                return min(image.size)
    except (UnreadableImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def starts_like_an_image(file: Path) -> bool:
    """Say whether a file whose name does not tell begins as an image does."""
    from include.images.decode import file_type

    try:
        file_type(_start(file))
    except (UnreadableImageError, OSError):
        return False
    return True


def _start(file: Path) -> bytes:
    with file.open("rb") as content:
        return content.read(_N_START)
