"""Image statistics: known values, and the direction in which damage moves them."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from include.images.decode import decode
from include.images.statistics import ImageStatistics, measure


def statistics_of(image: Image.Image) -> ImageStatistics:
    file = io.BytesIO()
    image.save(file, "PNG")
    return decode(file.getvalue(), size=64).statistics


def checkerboard() -> NDArray[np.uint8]:
    squares = (np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8)
    return np.repeat(squares[:, :, None], 3, axis=2)


def test_one_grey_has_its_brightness_and_nothing_else() -> None:
    statistics = measure(np.full((8, 8, 3), 51, dtype=np.uint8), width=80, height=60)

    assert statistics.brightness == pytest.approx(0.2, abs=1e-6)
    assert statistics.contrast == pytest.approx(0, abs=1e-6)
    assert statistics.sharpness == pytest.approx(0, abs=1e-6)
    assert (statistics.width, statistics.height) == (80, 60)


def test_a_checkerboard_is_as_sharp_as_an_image_can_be() -> None:
    statistics = measure(checkerboard(), width=8, height=8)

    assert statistics.brightness == pytest.approx(0.5)
    assert statistics.contrast == pytest.approx(0.5)
    assert statistics.sharpness == pytest.approx(16)  # the Laplacian is +4 and -4 by turns


@pytest.mark.parametrize(("colour", "brightness"), [("red", 0.299), ("lime", 0.587), ("blue", 0.114)])
def test_brightness_weighs_colours_as_the_eye_does(colour: str, brightness: float) -> None:
    assert statistics_of(Image.new("RGB", (64, 64), colour)).brightness == pytest.approx(brightness, abs=1e-4)


@pytest.fixture
def photo() -> Image.Image:
    return Image.effect_noise((128, 128), 60).filter(ImageFilter.GaussianBlur(1)).convert("RGB")


def test_more_blur_means_less_sharpness(photo: Image.Image) -> None:
    blurred = [statistics_of(photo.filter(ImageFilter.GaussianBlur(radius))).sharpness for radius in (0, 1, 2, 4)]

    assert blurred == sorted(blurred, reverse=True)
    assert blurred[0] > 2 * blurred[1] > 4 * blurred[2] > 0


def test_darkening_lowers_brightness_and_contrast(photo: Image.Image) -> None:
    before, after = statistics_of(photo), statistics_of(ImageEnhance.Brightness(photo).enhance(0.5))

    assert after.brightness == pytest.approx(before.brightness / 2, abs=0.01)
    assert after.contrast == pytest.approx(before.contrast / 2, abs=0.01)


def test_flattening_lowers_contrast_alone(photo: Image.Image) -> None:
    before, after = statistics_of(photo), statistics_of(ImageEnhance.Contrast(photo).enhance(0.25))

    assert after.contrast < before.contrast / 3
    assert after.brightness == pytest.approx(before.brightness, abs=0.01)
