"""Every kind of image that people have, and what becomes of it: one file a case.

python -m tests.corpus.make_corpus FOLDER writes them all.
"""

import struct
import sys
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from tests.corpus.encoders import (
    PNG_SIGNATURE,
    bmp_that_claims,
    chunk,
    encoded,
    interlaced_png,
    jpeg_that_claims,
    png,
    tiff,
    webp_that_claims,
    ycck_jpeg,
)

Colour = tuple[int, int, int]
Corners = tuple[Colour, Colour, Colour, Colour]
"""Top left, top right, bottom left, bottom right, of the picture as it is to be seen."""

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
DARK, LIGHT = (60, 60, 60), (200, 200, 200)
PINK = (255, 127, 127)

UPRIGHT: dict[int, Corners] = {
    # by the EXIF 2.3 standard, of a picture that is stored as red, green, blue, white
    1: (RED, GREEN, BLUE, WHITE),
    2: (GREEN, RED, WHITE, BLUE),
    3: (WHITE, BLUE, GREEN, RED),
    4: (BLUE, WHITE, RED, GREEN),
    5: (RED, BLUE, GREEN, WHITE),
    6: (BLUE, RED, WHITE, GREEN),
    7: (WHITE, GREEN, BLUE, RED),
    8: (GREEN, WHITE, RED, BLUE),
}


class Case(NamedTuple):
    """A file, and what becomes of it."""

    path: str
    """Where it lies in its stage."""
    content: bytes
    corners: Corners | None = None
    """Its colours, if it can be decoded."""
    size: tuple[int, int] = (60, 40)
    """Width and height, the right way up, if it can be decoded."""
    reason: str | None = None
    """A regular expression for the reason why it cannot."""


def two_halves(left: Any, right: Any, mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    image = Image.new(mode, size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


def quadrants() -> Image.Image:
    image = two_halves(RED, GREEN, size=(64, 48))
    image.paste(two_halves(BLUE, WHITE, size=(64, 24)), (0, 24))
    return image


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@cache
def cases() -> dict[str, Case]:
    """Return all cases, by their paths."""
    found = [*_jpeg(), *_png(), *_webp_bmp_gif(), *_tiff(), *_not_readable(), *_too_large(), *_names()]
    return {case.path: case for case in found}


def readable() -> list[str]:
    """Return the paths of the files that can be decoded."""
    return [path for path, case in cases().items() if case.corners]


def unreadable() -> list[str]:
    """Return the paths of the files that cannot be decoded."""
    return [path for path, case in cases().items() if case.reason]


def write_corpus(folder: Path) -> None:
    """Write a file for each case."""
    for case in cases().values():
        target = folder / case.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(case.content)


def _halves(path: str, content: bytes, left: Colour = RED, right: Colour = BLUE) -> Case:
    return Case(path, content, (left, right, left, right))


def _jpeg() -> Iterator[Case]:
    image = two_halves(RED, BLUE)
    yield _halves("jpeg/baseline.jpg", encoded(image, "JPEG", quality=95))
    yield _halves("jpeg/progressive.jpg", encoded(image, "JPEG", quality=95, progressive=True))
    yield _halves("jpeg/grey.jpg", encoded(two_halves(60, 200, "L"), "JPEG"), DARK, LIGHT)
    yield _halves("jpeg/cmyk.jpg", encoded(image.convert("CMYK"), "JPEG", quality=95))
    yield _halves("jpeg/cmyk, as YCCK by Adobe.jpg", ycck_jpeg(image))
    several = encoded(image, "MPO", save_all=True, append_images=[two_halves(GREEN, GREEN)], quality=95)
    yield _halves("jpeg/several pictures.mpo", several)
    yield _halves("jpeg/more behind its end.jpg", encoded(image, "JPEG", quality=95) + b"<html>" * 100)
    yield _halves("jpeg/named otherwise.png", encoded(image, "JPEG", quality=94))
    yield _halves(
        "jpeg/exif that cannot be read.jpg",
        encoded(image, "JPEG", quality=95, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff garbage"),
    )
    large = encoded(two_halves(RED, BLUE, size=(2400, 1600)), "JPEG", quality=95)
    yield _halves("jpeg/large.jpg", large)._replace(size=(2400, 1600))
    for orientation, corners in UPRIGHT.items():
        size = (64, 48) if orientation < 5 else (48, 64)
        exif = turned(orientation)
        for folder, suffix, options in (
            ("jpeg", "jpg", {"format": "JPEG", "quality": 95}),
            ("png", "png", {"format": "PNG"}),
            ("webp", "webp", {"format": "WEBP", "lossless": True}),
            ("tiff", "tiff", {"format": "TIFF"}),
            ("tiff", "lzw.tiff", {"format": "TIFF", "compression": "tiff_lzw"}),
        ):
            content = encoded(quadrants(), options.pop("format"), exif=exif, **options)
            yield Case(f"{folder}/orientation {orientation}.{suffix}", content, corners, size)


def _png() -> Iterator[Case]:
    image = two_halves(RED, BLUE)
    transparent = two_halves((255, 0, 0, 128), (0, 0, 255, 0), "RGBA")
    palette = Image.new("P", (60, 40), 1)
    palette.paste(0, (0, 0, 30, 40))
    palette.putpalette([*RED, *BLUE])
    grey16 = [struct.pack(">30H", *[60 * 257] * 30) + struct.pack(">30H", *[200 * 257] * 30)] * 40
    rgb16 = [struct.pack(">3H", 65535, 0, 0) * 30 + struct.pack(">3H", 0, 0, 65535) * 30] * 40
    yield _halves("png/rgb.png", encoded(image, "PNG"))
    yield _halves("png/palette.png", encoded(image.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"))
    yield _halves("png/palette, transparent.png", encoded(palette, "PNG", transparency=1), RED, WHITE)
    yield _halves("png/alpha.png", encoded(transparent, "PNG"), PINK, WHITE)
    yield _halves("png/grey, alpha.png", encoded(two_halves((60, 255), (60, 0), "LA"), "PNG"), DARK, WHITE)
    yield _halves("png/transparent colour.png", encoded(image, "PNG", transparency=BLUE), RED, WHITE)
    yield _halves("png/grey.png", encoded(two_halves(60, 200, "L"), "PNG"), DARK, LIGHT)
    yield _halves("png/16-bit grey.png", png(60, 40, grey16, depth=16, colour_type=0), DARK, LIGHT)
    yield _halves("png/16-bit rgb.png", png(60, 40, rgb16, depth=16, colour_type=2))
    yield _halves("png/1 bit.png", encoded(two_halves(0, 1, "1"), "PNG"), BLACK, WHITE)
    yield _halves("png/interlaced.png", interlaced_png(image))
    yield Case("png/1 x 1.png", encoded(Image.new("RGB", (1, 1), GREEN), "PNG"), (GREEN,) * 4, (1, 1))
    yield Case("png/1 x 3000.png", encoded(Image.new("RGB", (1, 3000), BLUE), "PNG"), (BLUE,) * 4, (1, 3000))


def _webp_bmp_gif() -> Iterator[Case]:
    image, other = two_halves(RED, BLUE), two_halves(GREEN, GREEN)
    transparent = two_halves((255, 0, 0, 128), (0, 0, 255, 0), "RGBA")
    frames: dict[str, Any] = {"save_all": True, "append_images": [other], "duration": 100}
    palette = Image.new("P", (60, 40), 1)
    palette.paste(0, (0, 0, 30, 40))
    palette.putpalette([*RED, *BLUE])
    yield _halves("webp/lossy.webp", encoded(two_halves(60, 200, "L"), "WEBP", quality=95), DARK, LIGHT)
    yield _halves("webp/lossless, alpha.webp", encoded(transparent, "WEBP", lossless=True), PINK, WHITE)
    yield _halves("webp/animated.webp", encoded(image, "WEBP", lossless=True, **frames))
    yield _halves("bmp/rgb.bmp", encoded(image, "BMP"))
    yield _halves("bmp/1 bit.bmp", encoded(two_halves(0, 1, "1"), "BMP"), BLACK, WHITE)
    yield _halves("bmp/palette.bmp", encoded(palette, "BMP"))
    yield _halves("gif/static.gif", encoded(image, "GIF"))
    yield _halves("gif/animated.gif", encoded(image, "GIF", **frames))
    yield _halves("gif/transparent.gif", encoded(palette, "GIF", transparency=1), RED, WHITE)


def _tiff() -> Iterator[Case]:
    image = two_halves(RED, BLUE)
    grey16 = (struct.pack("<H", 60 * 257) * 30 + struct.pack("<H", 200 * 257) * 30) * 40
    rgb16 = (struct.pack("<3H", 65535, 0, 0) * 30 + struct.pack("<3H", 0, 0, 65535) * 30) * 40
    grey12 = (b"\x80\x08\x00" * 15 + b"\xff\xff\xff" * 15) * 40  # pairs of 0x800, and of 0xfff
    pages = encoded(image, "TIFF", save_all=True, append_images=[two_halves(GREEN, GREEN)])
    yield _halves("tiff/rgb.tiff", encoded(image, "TIFF"))
    yield _halves("tiff/lzw.tiff", encoded(image, "TIFF", compression="tiff_lzw"))
    yield _halves("tiff/jpeg.tiff", encoded(two_halves(60, 200, "L"), "TIFF", compression="jpeg"), DARK, LIGHT)
    yield _halves("tiff/several pages.tiff", pages)
    yield _halves("tiff/cmyk.tiff", encoded(image.convert("CMYK"), "TIFF"))
    yield _halves("tiff/16-bit grey.tiff", tiff(60, 40, grey16, bits=16, samples=1), DARK, LIGHT)
    yield _halves("tiff/16-bit rgb.tiff", tiff(60, 40, rgb16, bits=16, samples=3))
    yield _halves("tiff/12-bit grey.tiff", tiff(60, 40, grey12, bits=12, samples=1), (128, 128, 128), WHITE)
    floating = encoded(Image.new("F", (60, 40), 0.5), "TIFF")
    yield Case("tiff/floating point.tiff", floating, reason=r"^has pixels of mode F: convert it")


def _not_readable() -> Iterator[Case]:
    noise = Image.fromarray(np.random.default_rng(5).integers(0, 256, (90, 90), dtype=np.uint8))
    jpeg = encoded(noise, "JPEG")
    progressive = encoded(noise, "JPEG", progressive=True)
    garbage = bytes(np.random.default_rng(6).integers(0, 256, 3000, dtype=np.uint8))
    for path, content, reason in (
        ("zero bytes.jpg", b"", r"^is empty$"),
        ("one byte.jpg", b"\xff", r"^is not an image"),
        (
            "html.jpg",
            b"<!DOCTYPE html><html>Forbidden</html>",
            r"is not an image \(JPEG, .*\): starts with '<!DOC",
        ),
        ("text.png", "naïve text".encode(), r"^is not an image .*starts with 'na\\xc3\\xafve text'$"),
        ("line feeds.png", b"\n\r\x00 no image", r"starts with '\\n\\r\\x00 no image'$"),
        ("zeros.bmp", bytes(10_000), r"^is not an image"),
        ("sound.webp", b"RIFF\x24\x00\x00\x00WAVEfmt ", r"^is not an image"),
        ("postscript.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n", r"^is not an image"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', r"^is not an image"),
        ("iphone.heic", b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", r"^is not an image .*ftypheic"),
        ("icon.ico", b"\x00\x00\x01\x00\x01\x00\x10\x10", r"^is not an image"),
        ("truncated/signature.jpg", jpeg[:3], r"^JPEG is "),
        ("truncated/in the header.jpg", jpeg[:100], r"^JPEG is truncated$"),
        ("truncated/half.jpg", jpeg[: len(jpeg) // 2], r"^JPEG is truncated$"),
        ("truncated/nine tenths.jpg", jpeg[: len(jpeg) * 9 // 10], r"^JPEG is truncated$"),
        ("truncated/progressive.jpg", progressive[: len(progressive) // 2], r"^JPEG is truncated$"),
        ("truncated/half.png", encoded(noise, "PNG")[:2000], r"^PNG is truncated$"),
        ("truncated/behind its header.png", encoded(noise, "PNG")[:33], r"^PNG is truncated$"),
        ("truncated/half.webp", encoded(noise, "WEBP")[:500], r"^WEBP is "),
        ("truncated/half.gif", encoded(noise, "GIF")[:2000], r"^GIF is truncated$"),
        ("truncated/half.bmp", encoded(noise, "BMP")[:2000], r"^BMP is truncated$"),
        ("truncated/half.tiff", encoded(noise, "TIFF")[:2000], r"^TIFF is "),
        ("garbage/behind a signature.jpg", b"\xff\xd8\xff\xe0" + garbage, r"^JPEG is "),
        ("garbage/behind a signature.png", PNG_SIGNATURE + garbage, r"^PNG is "),
        ("garbage/behind a signature.webp", b"RIFF\xb8\x0b\x00\x00WEBPVP8 " + garbage, r"^WEBP is "),
        ("garbage/behind a signature.gif", b"GIF89a" + garbage, r"^(GIF is|is too large:) "),
        ("garbage/behind a signature.bmp", b"BM" + garbage, r"^BMP is "),
        ("garbage/behind a signature.tiff", b"II*\x00" + garbage, r"^TIFF is "),
    ):
        yield Case(f"bad/{path}", content, reason=reason)


def _too_large() -> Iterator[Case]:
    jpeg = encoded(two_halves(RED, BLUE), "JPEG")
    black = bytes(2500)
    profile = chunk(b"iCCP", b"p\x00\x00" + zlib.compress(bytes(2**24), 1))
    rgb = encoded(two_halves(RED, BLUE), "PNG")
    first = len(PNG_SIGNATURE) + 25  # behind IHDR
    strip = b"\x00" * 100
    for path, content, reason in (
        (
            "claims 20000 x 20000.png",
            png(20_000, 20_000, [], depth=8, colour_type=2),
            r"^is too large: 20000 x 20000 pixels, more",
        ),
        (
            "is 20000 x 20000.png",
            png(20_000, 20_000, [black] * 20_000, depth=1, colour_type=0),
            r"^is too large: 20000 x 20000 ",
        ),
        (
            "claims 20000 x 20000.jpg",
            jpeg_that_claims(jpeg, 20_000, 20_000),
            r"^is too large: 20000 x 20000 pixels, more than",
        ),
        (
            "claims 60000 x 60000.tiff",
            tiff(60_000, 60_000, strip, bits=8, samples=1),
            r"^is too large: 60000 x 60000 pixels",
        ),
        ("claims 65535 x 65535.gif", b"GIF89a\xff\xff\xff\xff\x00\x00\x00" + b",\x00" * 9, r"^(is too large:|GIF is) "),
        ("claims 20000 x 20000.webp", webp_that_claims(20_000, 20_000), r"^is too large: "),
        ("claims 20000 x 20000.bmp", bmp_that_claims(20_000, 20_000), r"^is too large: 20000 x 20000 pixels, more"),
        (
            "long.png",
            png(20_000, 10, [], depth=8, colour_type=2),
            r"^is too large: 20000 x 10 pixels, .* side over 16,384$",
        ),
        ("many pixels.png", png(12_000, 10_000, [], depth=8, colour_type=2), r"^is too large: 12000 x 10000 pixels"),
        ("claims more than it is.png", png(9000, 9000, [black], depth=8, colour_type=2), r"^PNG is truncated$"),
        ("a profile of 16 MiB.png", rgb[:first] + profile + rgb[first:], r"^PNG is damaged: .*too large"),
    ):
        yield Case(f"too large/{path}", content, reason=reason)


def _names() -> Iterator[Case]:
    """Pictures in shades of grey, each of its own, whose names are what is odd about them."""
    names = (
        "with  spaces .png",
        " leading.png",
        "trailing ",
        "single 'quotes'.png",
        'double "quotes".png',
        "100% %41 %2e%2e%2fsecret.png",
        "%s %(name)s {stage}.png",
        "line\nfeed.png",
        "carriage\rreturn\ttab\x1b[31m.png",
        "back\\slash\\..\\..\\up.png",
        "question?mark#and&more=1;semi+colon,.png",
        "@stage~$HOME`id`$(id)|*[a-z]!.png",
        "<b onclick=x>&amp;.png",
        "-rf.png",
        "ünïcödé.png",
        "u\u0308nnormalised.png",
        "猫/ネコ.png",
        "עברית \u202e gnp.",
        "कुत्ता.png",
        "🧥👗.png",
        ".hidden.png",
        "..two dots.png",
        "...",
        "a..b/..c/d...png",
        "no suffix",
        "NULL",
        "deep/" + "/".join("abcdefgh") + "/n.png",
        "x" * 251 + ".png",
        "猫" * 83 + "12.png",
        "/".join(["y" * 200] * 10) + "/z.png",
    )
    for shade, name in enumerate(names, start=100):
        grey = (shade, shade, shade)
        yield Case(f"names/{name}", encoded(Image.new("RGB", (60, 40), grey), "PNG"), (grey,) * 4)
    yield Case("names/bad <i>&'\"\n%.jpg", b"<html>not found</html>", reason=r"^is not an image")


if __name__ == "__main__":
    write_corpus(Path(sys.argv[1]))
