"""Small pictures within a page: they need no other file and no address."""

import base64
import io
from collections.abc import Iterable, Mapping

from include.dataset.images import LookedAt

SIDE = 112
"""The longest side, in pixels."""
_QUALITY = 78
_AT_ONCE = 256


def thumbnails(found: LookedAt, places: Iterable[int]) -> Mapping[int, str]:
    """Return small JPEG pictures of readable images, in their own proportions, as data URLs by their places."""
    from PIL import Image

    wanted = sorted({place for place in places if found.images[place].statistics is not None})
    pictures: dict[int, str] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        for place, pixels in zip(part, found.pictures.gather(part), strict=True):
            picture = Image.fromarray(pixels).resize(_size_of(found, place), Image.Resampling.BILINEAR)
            content = io.BytesIO()
            picture.save(content, "JPEG", quality=_QUALITY)
            pictures[place] = f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
    return pictures


def _size_of(found: LookedAt, place: int) -> tuple[int, int]:
    statistics = found.images[place].statistics
    if statistics is None:
        return SIDE, SIDE
    scale = SIDE / max(statistics.width, statistics.height)
    return max(1, round(scale * statistics.width)), max(1, round(scale * statistics.height))
