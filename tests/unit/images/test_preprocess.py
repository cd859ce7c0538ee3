"""The whole way of a batch, from URLs to pixels."""

import hashlib
import io
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from include.config_parts import PreprocessingConfig
from include.errors import ExpiredUrlError, VanishedFileError
from include.images import preprocessing
from include.images.decode import decode
from include.images.preprocess import joined, preprocess, preprocessed, read_digests
from include.images.preprocessing import preprocessing_digest
from include.store.files import FileStore
from include.store.pixels import PixelLocation, PixelReader, write_segment


def png(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 10), colour).save(file, "PNG")
    return file.getvalue()


CONTENTS = [png((10 * n, 0, 255 - n)) for n in range(20)]


@pytest.fixture
def urls(tmp_path: Path) -> list[str]:
    """Twenty images, of which 5 is a copy of 3, 7 and 8 are the same HTML page, 9 is missing and 11 is huge."""
    paths = [tmp_path / f"{n:02}.png" for n in range(20)]
    for path, content in zip(paths, CONTENTS, strict=True):
        path.write_bytes(content)
    paths[5].write_bytes(CONTENTS[3])
    for n in (7, 8):
        paths[n].write_bytes(b"<html>")
    paths[9].unlink()
    with paths[11].open("wb") as file:
        file.truncate(2**40)
    return [f"file://{path}" for path in paths]


def test_each_image_is_decoded_quarantined_or_failed(urls: list[str]) -> None:
    batch = preprocess(urls, size=16)

    assert [image.index for image in batch.images] == [0, 1, 2, 3, 4, 5, 6, 10, *range(12, 20)]
    assert [image.index for image in batch.unreadable] == [7, 8, 11]
    assert "starts with '<html>'" in batch.unreadable[0].reason
    assert batch.unreadable[0].content_sha256 == hashlib.sha256(b"<html>").hexdigest()
    assert "bytes" in batch.unreadable[2].reason
    assert batch.unreadable[2].content_sha256 is None
    assert [(failure.index, type(failure.error)) for failure in batch.failed] == [(9, VanishedFileError)]


def test_rows_hold_the_pixels_of_their_images_and_copies_share_one(urls: list[str]) -> None:
    batch = preprocess(urls, size=16)

    assert len(batch.pixels) == len(batch.content_digests) == len(batch.statistics) == 15
    for image in batch.images:
        content = CONTENTS[3 if image.index == 5 else image.index]
        expected = decode(content, size=16)
        assert image.content_sha256 == hashlib.sha256(content).hexdigest() == batch.content_digests[image.row]
        assert np.array_equal(batch.pixels[image.row], expected.pixels)
        assert batch.statistics[image.row] == expected.statistics


def test_the_order_does_not_depend_on_the_threads(urls: list[str]) -> None:
    batches = [preprocess(urls, size=16, n_threads=n, n_decoders=n) for n in (1, 2, 4)]

    assert batches[0].images == batches[1].images == batches[2].images
    assert batches[0].content_digests == batches[1].content_digests == batches[2].content_digests
    assert [image.row for image in batches[0].images] == [0, 1, 2, 3, 4, 3, *range(5, 15)]


def test_a_batch_becomes_a_segment_that_can_be_read(urls: list[str], tmp_path: Path) -> None:
    store = FileStore(str(tmp_path / "store"))
    batch = preprocess(urls, size=16)

    segment = write_segment(store, batch.pixels, preprocessing_digest="p", content_digests=batch.content_digests)
    reader = PixelReader(store, [PixelLocation(segment, image.row) for image in batch.images])

    fifth = [image.index for image in batch.images].index(5)
    assert np.array_equal(reader.gather(np.array([fifth]))[0], decode(CONTENTS[3], size=16).pixels)


def test_nothing_to_do_and_nothing_readable_are_no_errors(tmp_path: Path) -> None:
    assert preprocess([], size=16).pixels.shape == (0, 16, 16, 3)
    assert preprocess([f"file://{tmp_path}/no.png"], size=16).pixels.shape == (0, 16, 16, 3)


def test_one_line_is_logged(urls: list[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="include"):
        preprocess(urls, size=16)

    (record,) = caplog.records
    assert "preprocessed 20 images at 16 px in" in record.getMessage()
    assert "15 contents decoded, 3 unreadable, 1 not fetched" in record.getMessage()


def test_digests_are_in_the_order_of_the_urls(urls: list[str]) -> None:
    digests = read_digests(urls)

    assert [digest.index for digest in digests] == list(range(20))
    assert digests[0].sha256 == hashlib.sha256(CONTENTS[0]).hexdigest()
    assert digests[3].sha256 == digests[5].sha256
    assert isinstance(digests[9].error, VanishedFileError)
    assert not isinstance(digests[9].error, ExpiredUrlError)
    assert digests[9].sha256 is None


def test_images_come_a_few_at_a_time_in_the_order_of_their_urls(urls: list[str]) -> None:
    batches = list(preprocessed(3 * urls, size=16))

    assert len(batches) > 1
    indices = [(image.index, image.content_sha256) for batch in batches for image in batch.images]
    assert indices == sorted(indices)
    assert len(indices) == 3 * 16
    assert joined(batches, size=16).content_digests == preprocess(urls, size=16).content_digests


def test_pixels_of_earlier_releases_keep_their_digest_and_those_at_a_smaller_scale_get_their_own() -> None:
    before = "f9c50b749b4ecef97951a8353b62782baaf73e02f40afbf67fd3ec761c38d995"

    assert preprocessing_digest(PreprocessingConfig(size=96)) == before
    assert preprocessing_digest(PreprocessingConfig(size=96, jpeg_detail=2)) == before
    assert preprocessing_digest(PreprocessingConfig(size=96, jpeg_detail=1)) != before
    # as the card of a version says that was trained before there was a choice
    assert PreprocessingConfig.model_validate({"size": 96}).jpeg_detail == 2


def test_a_jpeg_is_decoded_at_the_scale_that_was_asked_for(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.jpg")
    url = f"file://{tmp_path}/noise.jpg"
    content = (tmp_path / "noise.jpg").read_bytes()

    fine, coarse = (preprocess([url], size=24, jpeg_detail=detail).pixels[0] for detail in (2, 1))

    assert not np.array_equal(fine, coarse)
    assert np.array_equal(fine, decode(content, size=24, jpeg_detail=2).pixels)
    assert np.array_equal(coarse, decode(content, size=24, jpeg_detail=1).pixels)


def test_a_preprocessing_digest_names_all_that_decides_the_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = PreprocessingConfig(size=96), PreprocessingConfig(size=128)

    assert preprocessing_digest(small) == preprocessing_digest(PreprocessingConfig(size=96))
    assert preprocessing_digest(small) != preprocessing_digest(large)
    before = preprocessing_digest(small)
    monkeypatch.setattr(preprocessing, "PREPROCESSING_VERSION", preprocessing.PREPROCESSING_VERSION + 1)
    assert preprocessing_digest(small) != before
