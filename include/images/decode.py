"""From the bytes of a file to the pixels that a model sees."""

import io
import struct
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from include.errors import UnreadableImageError
from include.images.limits import LARGE_PIXELS, MAX_BYTES, MAX_PIXELS, MAX_SIDE
from include.images.statistics import ImageStatistics, measure

# Pillow's decoders raise all of these on files that are damaged or made to harm. MemoryError is not among them: sizes
# are checked first, so it says something about the machine and not about the image, which must not be quarantined.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    LookupError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

_SIGNATURES: tuple[tuple[bytes, type[ImageFile.ImageFile]], ...] = (
    (b"\xff\xd8\xff", JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", PngImageFile),
    (b"RIFF", WebPImageFile),
    (b"GIF87a", GifImageFile),
    (b"GIF89a", GifImageFile),
    (b"BM", BmpImageFile),
    (b"II*\x00", TiffImageFile),
    (b"MM\x00*", TiffImageFile),
)

FORMATS = tuple(dict.fromkeys(str(image_type.format) for _, image_type in _SIGNATURES))
"""The formats that are decoded."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings an image with this EXIF orientation upright; from 5 on, width and height change places."""

_REDUCING_GAP = 3.0
"""How far a large image is first reduced by whole factors; from 3.0 on, Pillow's results cannot be told apart."""


Turn = Callable[[], AbstractContextManager[None]]
"""Keeps others from what one does at a time."""


@dataclass(frozen=True)
class DecodedImage:
    """An image as the model sees it."""

    pixels: NDArray[np.uint8]
    """RGB, [size, size, 3]."""
    statistics: ImageStatistics


def decode(content: bytes, *, size: int, jpeg_detail: int = 2, turn: Turn = nullcontext) -> DecodedImage:
    """Decode a JPEG, PNG, WEBP, BMP, GIF or TIFF file (the first frame) and resize it to a square.

    The whole image is squeezed into the square, so that nothing at its border is lost. It is turned upright by its EXIF
    orientation, transparency is laid over white, 16-bit grey is scaled to 8 bits, small images are scaled up, colour
    profiles are ignored.

    Args:
        content: The bytes of the file.
        size: The side of the square, in pixels, at least 3.
        jpeg_detail: A JPEG is decoded at 1/2, 1/4 or 1/8 where it then still is so many times as large as the square.
        turn: Entered while a large image is held in memory.

    Raises:
        UnreadableImageError: The file is empty, too large, damaged or no image of these formats.
    """
    if not content:
        raise UnreadableImageError("is empty")
    if len(content) > MAX_BYTES:
        raise UnreadableImageError(f"is too large: {len(content):,} bytes, more than {MAX_BYTES:,}")
    image_type = file_type(content)
    try:
        return _decode(image_type, content, size, jpeg_detail, turn)
    except _DECODER_ERRORS as error:
        raise UnreadableImageError(_reason(image_type, error)) from error


def file_type(start: bytes) -> type[ImageFile.ImageFile]:
    """Tell the format by a file's first bytes (24 are enough); names and declared types of files are often wrong.

    Raises:
        UnreadableImageError: It is none of `FORMATS`.
    """
    for signature, image_type in _SIGNATURES:
        if start.startswith(signature) and (image_type is not WebPImageFile or start[8:12] == b"WEBP"):
            return image_type
    shown = repr(start[:24]).removeprefix("b")
    raise UnreadableImageError(f"is not an image ({', '.join(FORMATS)}): starts with {shown}")


def _decode(
    file_type: type[ImageFile.ImageFile], content: bytes, size: int, jpeg_detail: int, turn: Turn
) -> DecodedImage:
    # Not by Image.open: it raises or warns about large images before their size can be told, its limit belongs to the
    # whole process, and its set of formats is loaded at first use, which is not safe in threads.
    with file_type(io.BytesIO(content)) as image:
        width, height = image.size
        if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
            raise UnreadableImageError(
                f"is too large: {width} x {height} pixels, more than {MAX_PIXELS:,} or a side over {MAX_SIDE:,}"
            )
        # A JPEG decodes several times faster at 1/2, 1/4 or 1/8 (docs/adr/025-one-inference-engine.md).
        image.draft(None, (jpeg_detail * size, jpeg_detail * size))
        is_large = image.width * image.height > LARGE_PIXELS
        with turn() if is_large else nullcontext():
            image.load()
            orientation = _orientation(image)
            square = _resizable(image).resize((size, size), Image.Resampling.BILINEAR, reducing_gap=_REDUCING_GAP)
    if orientation in _UPRIGHT:
        square = square.transpose(_UPRIGHT[orientation])
    if orientation >= 5:
        width, height = height, width
    pixels = np.array(_over_white(square))
    return DecodedImage(pixels, measure(pixels, width=width, height=height))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) to 8; EXIF data that cannot be read is ignored, as viewers do."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _DECODER_ERRORS:
        return 1
    return orientation if orientation in _UPRIGHT else 1


def _resizable(image: Image.Image) -> Image.Image:
    """Return the image in a mode that can be interpolated and has 8 bits: L, RGB, or RGBA where it is transparent."""
    if image.mode.startswith("I;16"):
        depth = image.tag_v2.get(BITSPERSAMPLE, (16,))[0] if isinstance(image, TiffImageFile) else 16
        return Image.fromarray((np.asarray(image) >> (depth - 8)).astype(np.uint8))
    if image.has_transparency_data and image.mode != "RGBA":
        return image.convert("RGBA")
    if image.mode in {"L", "RGB", "RGBA"}:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in {"P", "CMYK", "YCbCr"}:
        return image.convert("RGB")
    # Signed, 32-bit and floating-point pixels have no agreed black and white.
    raise UnreadableImageError(f"has pixels of mode {image.mode}: convert it to 8-bit grey or RGB")


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _reason(file_type: type[ImageFile.ImageFile], error: Exception) -> str:
    """Say what is wrong with a damaged file, on one line of printable ASCII."""
    if isinstance(error, Image.DecompressionBombError):  # by the plugins that know of no lower limit than Pillow's
        return f"is too large: more than {MAX_PIXELS:,} pixels"
    message = str(error)
    ends_early = isinstance(error, EOFError | struct.error) or isinstance(error.__cause__, EOFError | struct.error)
    if ends_early or "truncated" in message.lower():
        return f"{file_type.format} is truncated"
    detail = message.encode("unicode_escape").decode("ascii")[:200] or type(error).__name__
    return f"{file_type.format} is damaged: {detail}"
