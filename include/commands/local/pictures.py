"""Images as a person looks at them: decoded as the pipeline decodes them, but not squeezed into a square."""

from pathlib import Path

from PIL import Image

from include.images.decode import decode

_MIN_SIDE = 3
"""What the decoder takes at least."""


def upright(file: Path, *, longest_side: int) -> Image.Image:
    """Return an image as the pipeline sees it (upright, RGB), but with its own proportions.

    Args:
        file: The image.
        longest_side: Its longest side at most, in pixels.

    Raises:
        UnreadableImageError: It cannot be decoded.
    """
    content = file.read_bytes()
    decoded = decode(content, size=longest_side)
    width, height = decoded.statistics.width, decoded.statistics.height
    if max(width, height) < longest_side:  # a small one is not blown up, which would blur it
        longest_side = max(width, height, _MIN_SIDE)
        decoded = decode(content, size=longest_side)
    scale = longest_side / max(width, height)
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    return Image.fromarray(decoded.pixels).resize(size, Image.Resampling.BILINEAR)
