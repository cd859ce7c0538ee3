"""Decoding: the right pixels of every format that is allowed, and one clear reason for every file that is not."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from include.errors import UnreadableImageError
from include.images import decode as decode_module
from include.images.decode import decode
from include.images.limits import MAX_BYTES
from tests.corpus.encoders import encoded
from tests.corpus.make_corpus import BLUE, RED, WHITE, cases, readable, unreadable

SIZE = 16
CORNERS = ([2, 2, 13, 13], [2, 13, 2, 13])

CASES = cases()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("path", readable())
def test_a_readable_image_has_its_colours_the_right_way_up(path: str) -> None:
    case = CASES[path]

    image = decode(case.content, size=SIZE)

    assert image.pixels.shape == (SIZE, SIZE, 3)
    assert image.pixels.dtype == np.uint8
    # Away from the borders between the colours; 6 of 255 is what JPEG's rounding costs.
    np.testing.assert_allclose(image.pixels[CORNERS].astype(int), np.array(case.corners), atol=6)
    assert (image.statistics.width, image.statistics.height) == case.size


@pytest.mark.filterwarnings("ignore::UserWarning")  # by Pillow, about what is damaged
@pytest.mark.parametrize("path", unreadable())
def test_an_unreadable_file_has_a_reason(path: str) -> None:
    case = CASES[path]

    with pytest.raises(UnreadableImageError, match=str(case.reason)) as caught:
        decode(case.content, size=SIZE)

    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    # What stands before a colon is the kind, by which reasons are counted
    assert not any(character.isdigit() for character in str(caught.value).partition(":")[0])


def test_a_file_of_too_many_bytes_is_not_looked_at() -> None:
    with pytest.raises(UnreadableImageError, match=r"^is too large: 67,108,865 bytes, more than 67,108,864$"):
        decode(bytes(MAX_BYTES + 1), size=SIZE)


@pytest.mark.parametrize(("image_format", "is_large"), [("PNG", True), ("JPEG", False)])
def test_a_large_image_waits_for_its_turn(
    monkeypatch: pytest.MonkeyPatch, image_format: str, *, is_large: bool
) -> None:
    monkeypatch.setattr(decode_module, "LARGE_PIXELS", 10_000)
    turns: list[str] = []

    @contextmanager
    def turn() -> Iterator[None]:
        turns.append("taken")
        yield

    decode(encoded(Image.new("RGB", (100, 100)), image_format), size=SIZE, turn=turn)
    assert not turns

    # A JPEG is decoded at an eighth, so it is not large in memory
    decode(encoded(Image.new("RGB", (200, 100)), image_format), size=SIZE, turn=turn)
    assert bool(turns) is is_large


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
    photo = encoded(Image.effect_noise((200, 100), 80), "JPEG")

    first, second = decode(photo, size=32), decode(photo, size=32)

    assert np.array_equal(first.pixels, second.pixels)
    assert first.statistics == second.statistics


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pillow_is_left_as_it_was() -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)

    for path in unreadable():
        with pytest.raises(UnreadableImageError):
            decode(CASES[path].content, size=SIZE)

    after = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    assert after == before


@pytest.mark.filterwarnings("ignore::UserWarning")  # by Pillow, about what is damaged
@settings(max_examples=400, deadline=None)
@given(
    path=st.sampled_from([path for path in readable() if not path.startswith("names/")]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    kept=st.floats(0, 1),
)
def test_a_damaged_file_is_decoded_or_refused_and_nothing_else(
    path: str, changes: list[tuple[float, int]], kept: float
) -> None:
    content = bytearray(CASES[path].content)
    for place, value in changes:
        content[int(place * min(len(content), 200))] = value

    # Any other exception fails the test
    with suppress(UnreadableImageError):
        pixels = decode(bytes(content[: int(kept * len(content)) + 1]), size=SIZE).pixels
        assert pixels.shape == (SIZE, SIZE, 3)
