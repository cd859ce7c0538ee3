"""Decoding: the right pixels of every format that is allowed, and one clear reason for every file that is not."""

import io
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from include.errors import UnreadableImageError
from include.images.decode import decode
from include.images.limits import MAX_BYTES

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
SIZE = 16


def encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def two_halves(left: Any, right: Any, mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    image = Image.new(mode, size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


def with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def sixteen_bit(left: int, right: int) -> Image.Image:
    pixels = np.full((40, 60), right, dtype=np.uint16)
    pixels[:, :30] = left
    return Image.fromarray(pixels)


def twelve_bit_tiff() -> bytes:
    """One strip of 60 x 40 pixels of 12 bits, all at their largest value but for the left half at a half."""
    left_pair, right_pair = b"\x80\x08\x00", b"\xff\xff\xff"  # 0x800 0x800, 0xfff 0xfff
    strip = (left_pair * 15 + right_pair * 15) * 40
    tags = [(256, 3, 60), (257, 3, 40), (258, 3, 12), (259, 3, 1), (262, 3, 1), (277, 3, 1), (278, 3, 40)]
    offset = 8 + 2 + (len(tags) + 2) * 12 + 4
    tags = sorted([*tags, (273, 4, offset), (279, 4, len(strip))])
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\x00" + struct.pack("<IH", 8, len(tags)) + directory + struct.pack("<I", 0) + strip


def png_of(width: int, height: int) -> bytes:
    """A PNG file of a few bytes that claims to be of this size."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def palette_with_transparency() -> bytes:
    image = Image.new("P", (60, 40), 1)
    image.paste(0, (0, 0, 30, 40))
    image.putpalette([*RED, *BLUE])
    return encoded(image, "PNG", transparency=1)


RED_BLUE = two_halves(RED, BLUE)
HALF_RED = two_halves((255, 0, 0, 128), (0, 0, 255, 0), "RGBA")
GREY_LEFT, GREY_RIGHT = (60, 60, 60), (200, 200, 200)

READABLE: dict[str, tuple[bytes, tuple[int, int, int], tuple[int, int, int]]] = {
    "jpeg": (encoded(RED_BLUE, "JPEG", quality=95), RED, BLUE),
    "jpeg, progressive": (encoded(RED_BLUE, "JPEG", quality=95, progressive=True), RED, BLUE),
    "jpeg, grey": (encoded(two_halves(60, 200, "L"), "JPEG"), GREY_LEFT, GREY_RIGHT),
    "jpeg, CMYK": (encoded(RED_BLUE.convert("CMYK"), "JPEG", quality=95), RED, BLUE),
    "jpeg, large": (encoded(two_halves(RED, BLUE, size=(2400, 1600)), "JPEG", quality=95), RED, BLUE),
    "jpeg, several pictures": (
        encoded(RED_BLUE, "MPO", save_all=True, append_images=[two_halves(GREEN, GREEN)], quality=95),
        RED,
        BLUE,
    ),
    "png": (encoded(RED_BLUE, "PNG"), RED, BLUE),
    "png, palette": (encoded(RED_BLUE.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"), RED, BLUE),
    "png, palette with transparency": (palette_with_transparency(), RED, WHITE),
    "png, alpha": (encoded(HALF_RED, "PNG"), (255, 127, 127), WHITE),
    "png, grey with alpha": (encoded(two_halves((60, 255), (60, 0), "LA"), "PNG"), GREY_LEFT, WHITE),
    "png, transparent colour": (encoded(RED_BLUE, "PNG", transparency=BLUE), RED, WHITE),
    "png, grey": (encoded(two_halves(60, 200, "L"), "PNG"), GREY_LEFT, GREY_RIGHT),
    "png, 16-bit grey": (encoded(sixteen_bit(60 * 257, 200 * 257), "PNG"), GREY_LEFT, GREY_RIGHT),
    "png, 1 bit": (encoded(two_halves(0, 1, "1"), "PNG"), BLACK, WHITE),
    "webp": (encoded(RED_BLUE, "WEBP", lossless=True), RED, BLUE),
    "webp, alpha": (encoded(HALF_RED, "WEBP", lossless=True), (255, 127, 127), WHITE),
    "bmp": (encoded(RED_BLUE, "BMP"), RED, BLUE),
    "bmp, 1 bit": (encoded(two_halves(0, 1, "1"), "BMP"), BLACK, WHITE),
    "gif, animated": (
        encoded(RED_BLUE, "GIF", save_all=True, append_images=[two_halves(GREEN, GREEN)]),
        RED,
        BLUE,
    ),
    "tiff, several pages": (
        encoded(RED_BLUE, "TIFF", save_all=True, append_images=[two_halves(GREEN, GREEN)]),
        RED,
        BLUE,
    ),
    "tiff, LZW": (encoded(RED_BLUE, "TIFF", compression="tiff_lzw"), RED, BLUE),
    "tiff, CMYK": (encoded(RED_BLUE.convert("CMYK"), "TIFF"), RED, BLUE),
    "tiff, 16-bit grey": (encoded(sixteen_bit(60 * 257, 200 * 257), "TIFF"), GREY_LEFT, GREY_RIGHT),
    "tiff, 12-bit grey": (twelve_bit_tiff(), (128, 128, 128), WHITE),
}

PHOTO = encoded(Image.effect_noise((200, 100), 80).convert("RGB"), "JPEG")
UNREADABLE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", r"^is empty$"),
    "HTML": (b"<!DOCTYPE html><html>Forbidden</html>", r"is not an image \(JPEG, .*\): starts with '<!DOCTYPE html>"),
    "line feeds": (b"\n\r\x00 no image", r"starts with '\\n\\r\\x00 no image'$"),
    "a RIFF file that is a sound": (b"RIFF\x24\x00\x00\x00WAVEfmt ", r"is not an image"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", r"is not an image"),
    "truncated JPEG": (PHOTO[: len(PHOTO) // 2], r"^JPEG is truncated$"),
    "truncated PNG": (encoded(Image.effect_noise((90, 90), 80), "PNG")[:2000], r"^PNG is truncated$"),
    "truncated WEBP": (encoded(Image.effect_noise((90, 90), 80), "WEBP")[:500], r"^WEBP is"),
    "truncated GIF": (encoded(Image.effect_noise((90, 90), 80), "GIF")[:2000], r"^GIF is truncated$"),
    "truncated BMP": (encoded(RED_BLUE, "BMP")[:1000], r"^BMP is truncated$"),
    "PNG that ends after its header": (png_of(60, 40)[:33], r"^PNG is truncated$"),
    "only a signature": (b"\xff\xd8\xff", r"^JPEG is "),
    "bomb": (png_of(20_000, 20_000), r"^has 20000 x 20000 pixels, more than 100,000,000"),
    "long side": (png_of(20_000, 10), r"^has 20000 x 10 pixels, more than .* a side over 16,384"),
    "many pixels": (png_of(12_000, 10_000), r"^has 12000 x 10000 pixels"),
    "floating point": (encoded(Image.new("F", (60, 40), 0.5), "TIFF"), r"^has pixels of mode F: convert it"),
    "too many bytes": (bytes(MAX_BYTES + 1), r"^has 67,108,865 bytes, more than 67,108,864$"),
}


@pytest.mark.parametrize("name", READABLE)
def test_a_readable_image_has_its_colours(name: str) -> None:
    content, left, right = READABLE[name]

    image = decode(content, size=SIZE)

    assert image.pixels.shape == (SIZE, SIZE, 3)
    assert image.pixels.dtype == np.uint8
    # Away from the border between the halves; 4 of 255 is what JPEG's rounding costs.
    np.testing.assert_allclose(image.pixels[:, :6].astype(int), np.broadcast_to(left, (SIZE, 6, 3)), atol=4)
    np.testing.assert_allclose(image.pixels[:, 10:].astype(int), np.broadcast_to(right, (SIZE, 6, 3)), atol=4)
    expected_size = (2400, 1600) if name == "jpeg, large" else (60, 40)
    assert (image.statistics.width, image.statistics.height) == expected_size


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_file_has_a_reason(name: str) -> None:
    content, reason = UNREADABLE[name]

    with pytest.raises(UnreadableImageError, match=reason) as caught:
        decode(content, size=SIZE)

    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


QUADRANTS = Image.new("RGB", (64, 48), WHITE)
QUADRANTS.paste(RED, (0, 0, 32, 24))
QUADRANTS.paste(GREEN, (32, 0, 64, 24))
QUADRANTS.paste(BLUE, (0, 24, 32, 48))


@pytest.mark.parametrize(
    ("orientation", "corners"),
    # top left, top right, bottom left, bottom right of the picture as it should be seen, by the EXIF 2.3 standard
    [
        (1, (RED, GREEN, BLUE, WHITE)),
        (2, (GREEN, RED, WHITE, BLUE)),
        (3, (WHITE, BLUE, GREEN, RED)),
        (4, (BLUE, WHITE, RED, GREEN)),
        (5, (RED, BLUE, GREEN, WHITE)),
        (6, (BLUE, RED, WHITE, GREEN)),
        (7, (WHITE, GREEN, BLUE, RED)),
        (8, (GREEN, WHITE, RED, BLUE)),
    ],
)
@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda exif: encoded(QUADRANTS, "JPEG", quality=95, exif=exif), id="jpeg"),
        pytest.param(lambda exif: encoded(QUADRANTS, "PNG", exif=exif), id="png"),
        pytest.param(lambda exif: encoded(QUADRANTS, "WEBP", lossless=True, exif=exif), id="webp"),
        pytest.param(lambda exif: encoded(QUADRANTS, "TIFF", exif=exif), id="tiff"),
        pytest.param(lambda exif: encoded(QUADRANTS, "TIFF", exif=exif, compression="tiff_lzw"), id="tiff-lzw"),
    ],
)
def test_an_image_is_turned_upright(
    encode: Callable[[Image.Exif], bytes], orientation: int, corners: tuple[tuple[int, int, int], ...]
) -> None:
    image = decode(encode(with_orientation(orientation)), size=SIZE)

    found = image.pixels[[2, 2, 13, 13], [2, 13, 2, 13]].astype(int)
    np.testing.assert_allclose(found, np.array(corners), atol=6)
    expected_size = (64, 48) if orientation < 5 else (48, 64)
    assert (image.statistics.width, image.statistics.height) == expected_size


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_exif_data_that_cannot_be_read_are_ignored() -> None:
    content = encoded(RED_BLUE, "JPEG", quality=95, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff garbage")

    image = decode(content, size=SIZE)

    np.testing.assert_allclose(image.pixels[8, 2].astype(int), RED, atol=4)


def test_a_single_pixel_is_scaled_up() -> None:
    image = decode(encoded(Image.new("RGB", (1, 1), GREEN), "PNG"), size=SIZE)

    assert np.array_equal(image.pixels, np.broadcast_to(np.array(GREEN, dtype=np.uint8), (SIZE, SIZE, 3)))
    assert (image.statistics.width, image.statistics.height) == (1, 1)


def test_the_whole_image_stays_in_view() -> None:
    wide = Image.new("RGB", (400, 40), WHITE)
    wide.paste(RED, (0, 0, 40, 40))
    wide.paste(BLUE, (360, 0, 400, 40))

    pixels = decode(encoded(wide, "PNG"), size=20).pixels

    assert tuple(pixels[10, 0]) == RED
    assert tuple(pixels[10, 19]) == BLUE


def test_decoding_a_jpeg_at_a_fraction_keeps_the_quality() -> None:
    # Given a large photo-like image, whose JPEG is decoded at 1/4
    y, x = np.mgrid[0:1024, 0:1536]
    waves = np.stack([np.sin(x / 40), np.sin(y / 30), np.sin((x + y) / 50)], axis=-1)
    photo = Image.fromarray(((waves + 1) * 127).astype(np.uint8))

    # When it is compared with the same pixels from a lossless file, which is decoded in full
    from_jpeg = decode(encoded(photo, "JPEG", quality=95), size=96).pixels.astype(int)
    from_png = decode(encoded(photo, "PNG"), size=96).pixels.astype(int)

    # Then nobody sees a difference
    assert np.abs(from_jpeg - from_png).mean() < 1.5


def test_equal_files_have_equal_pixels() -> None:
    first, second = decode(PHOTO, size=32), decode(PHOTO, size=32)

    assert np.array_equal(first.pixels, second.pixels)
    assert first.statistics == second.statistics


def test_pillow_is_left_as_it_was() -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)

    for content, _ in UNREADABLE.values():
        with pytest.raises(UnreadableImageError):
            decode(content, size=SIZE)

    after = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    assert after == before


@pytest.mark.filterwarnings("ignore::UserWarning")  # by Pillow, about what is damaged
@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from(sorted(READABLE)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    kept=st.floats(0, 1),
)
def test_a_damaged_file_is_decoded_or_refused_and_nothing_else(
    name: str, changes: list[tuple[float, int]], kept: float
) -> None:
    content = bytearray(READABLE[name][0])
    for place, value in changes:
        content[int(place * min(len(content), 200))] = value

    # Any other exception fails the test
    with suppress(UnreadableImageError):
        pixels = decode(bytes(content[: int(kept * len(content)) + 1]), size=SIZE).pixels
        assert pixels.shape == (SIZE, SIZE, 3)
