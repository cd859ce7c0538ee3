"""Files that Pillow does not write: PNG and TIFF of any depth, interlaced, or that claim to be what they are not."""

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    """Return the file that Pillow writes."""
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(
    width: int, height: int, rows: Iterable[bytes], *, depth: int, colour_type: int, interlaced: bool = False
) -> bytes:
    """Return a PNG file.

    Args:
        width: What its header says.
        height: What its header says.
        rows: The packed samples of each row; compressed one after the other, so that there may be very many.
        depth: Bits of a sample.
        colour_type: 0 for grey, 2 for RGB.
        interlaced: Whether the rows are those of the seven passes.
    """
    deflater = zlib.compressobj(1)
    packed = b"".join(deflater.compress(b"\x00" + row) for row in rows) + deflater.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def interlaced_png(image: Image.Image) -> bytes:
    """Return an RGB image as a PNG file in seven passes (Adam7)."""
    pixels = np.asarray(image)
    rows = [row.tobytes() for x, y, dx, dy in _ADAM7 for row in pixels[y::dy, x::dx]]
    return png(*image.size, rows, depth=8, colour_type=2, interlaced=True)


def tiff(width: int, height: int, strip: bytes, *, bits: int, samples: int) -> bytes:
    """Return a little-endian TIFF file of one strip: grey with one sample a pixel, RGB with three."""
    depths = struct.pack("<HHH", bits, bits, bits)
    short, long = 3, 4
    tags = [
        (256, short, width),
        (257, short, height),
        (259, short, 1),
        (262, short, 1 if samples == 1 else 2),
        (277, short, samples),
        (278, short, height),
    ]
    n_tags = len(tags) + 3
    start = 8 + 2 + n_tags * 12 + 4
    tags += [(258, short, bits if samples == 1 else start), (273, long, start + len(depths)), (279, long, len(strip))]
    directory = b"".join(
        struct.pack("<HHII", tag, kind, samples if tag == 258 else 1, value) for tag, kind, value in sorted(tags)
    )
    return b"II*\x00" + struct.pack("<IH", 8, n_tags) + directory + struct.pack("<I", 0) + depths + strip


def ycck_jpeg(image: Image.Image) -> bytes:
    """Return an RGB image as Adobe writes CMYK: all inverted, and the first three turned into YCbCr."""
    inverted = image.point(lambda sample: 255 - sample).convert("YCbCr")
    # Pillow inverts what it writes, too; the fourth is black, of which there is none
    samples = [band.point(lambda sample: 255 - sample) for band in inverted.split()]
    content = encoded(Image.merge("CMYK", [*samples, Image.new("L", image.size, 0)]), "JPEG", quality=95)
    marker = content.index(b"Adobe")
    transform = marker + 11
    return content[:transform] + b"\x02" + content[transform + 1 :]


def jpeg_that_claims(content: bytes, width: int, height: int) -> bytes:
    """Return a JPEG file with another size in its header."""
    frame = content.index(b"\xff\xc0")
    return content[: frame + 5] + struct.pack(">HH", height, width) + content[frame + 9 :]


def webp_that_claims(width: int, height: int) -> bytes:
    """Return an animated WEBP file of small frames with another size of the canvas in its header."""
    small = Image.new("RGB", (60, 40))
    content = encoded(small, "WEBP", save_all=True, append_images=[Image.new("RGB", (60, 40), "red")])
    canvas = content.index(b"VP8X") + 12
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return content[:canvas] + size + content[canvas + 6 :]


def bmp_that_claims(width: int, height: int) -> bytes:
    """Return a BMP file with another size in its header."""
    content = encoded(Image.new("RGB", (60, 40)), "BMP")
    return content[:18] + struct.pack("<ii", width, height) + content[26:]
