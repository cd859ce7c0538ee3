"""What is said of a data set, and the page that shows it."""

import re

import pytest
from drawn_pictures import Given, drawn
from PIL import Image, ImageFilter

from include.dataset.page import PageHead, render_page
from include.dataset.report import report_on

EVIL = "</script><script>alert(1)</script>"
HEAD = PageHead(name="shirts", about="of a test")


def page_of(given, **arguments):
    found = given.looked_at()
    report = report_on(found)
    return report, render_page(found, report, HEAD, **arguments)


def titles(report, level):
    return [advice.title for advice in report.advice if advice.level == level]


@pytest.fixture
def sound():
    """Two classes of different pictures, in all sides, and a few new images."""
    given = Given()
    for seed in range(30):
        side = ("train", "validation", "test")[seed % 3]
        given.add(drawn(seed), label=("cat", "dog")[seed % 2], side=side)
    for seed in range(100, 104):
        given.add(drawn(seed), label=None, side="new")
    return given


def test_a_sound_data_set_has_nothing_to_do(sound):
    report, page = page_of(sound)

    assert {advice.level for advice in report.advice} == {"fine"}
    assert (report.n_labelled, report.n_new, len(report.unreadable)) == (30, 4, 0)
    assert "Every file can be read" in page
    assert 'aria-label="train 5, validation 5, test 5"' in page


def test_the_page_needs_nothing_from_anywhere_and_runs_nothing(sound):
    _, page = page_of(sound)

    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_classes_paths_and_reasons_stay_text():
    given = Given()
    for seed in range(6):
        given.add(drawn(seed), label=(EVIL, "b")[seed % 2], path=f'{EVIL}/{seed}" onload="x\n.jpg')
    given.add_unreadable(EVIL, label=EVIL, path=f"{EVIL}.jpg")
    given.add(drawn(0).resize((90, 90)), label="b", path=f"{EVIL}again.jpg")

    _, page = page_of(given)

    assert EVIL not in page
    assert '" onload="' not in page
    assert "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("<script") == 0


def test_ten_thousand_classes_make_a_page_that_can_be_read():
    given = Given().add(drawn(1))
    [image] = given.images
    given.images = [image._replace(label=f"{n:05}", path=f"{n:05}/1.jpg") for n in range(10_000)]
    given.pixels *= 10_000

    report, page = page_of(given)

    assert len(page) < 1_000_000
    assert "And 9,970 more" in page
    assert "10,000 classes with fewer than 3 readable images" in titles(report, "problem")
    assert "00000, 00001, 00002, …" in page


def test_too_small_classes_and_too_many_broken_files_are_problems():
    given = Given().add(drawn(1), label="a").add(drawn(2), label="b")
    for number in range(6):
        given.add_unreadable("JPEG is truncated", path=f"broken{number}.jpg")

    report, page = page_of(given)

    assert titles(report, "problem") == [
        "2 classes with fewer than 3 readable images",
        "6 of 8 files cannot be read",
    ]
    assert page.count("JPEG is truncated") == 6


def test_nothing_readable_still_is_a_page():
    report, page = page_of(Given().add_unreadable("is empty"))

    assert report.balance is None
    assert "is empty" in page


def test_uneven_classes_are_named(sound):
    for seed in range(200, 300):
        sound.add(drawn(seed), label="cat")

    report, page = page_of(sound)

    assert "Uneven classes" in titles(report, "notice")
    assert "cat has 8 times as many images as dog" in page


def test_copies_that_mislead_are_problems(sound):
    sound.add(drawn(1).resize((50, 50)), label="cat", side="validation")  # a dog, seen on another side
    sound.add(drawn(0).resize((50, 50)), label=None, side="new")

    report, page = page_of(sound)

    assert titles(report, "problem") == ["1 picture in more than one class"]
    assert "1 new image is among the labelled ones" in titles(report, "notice")
    assert "in several classes" in page
    assert "new and labelled" in page


def test_a_copy_on_another_side_is_a_problem(sound):
    sound.add(drawn(0).resize((50, 50)), label="cat", side="test")  # the first is trained on

    report, _ = page_of(sound)

    assert titles(report, "problem") == ["1 picture on more than one side"]


@pytest.mark.parametrize(
    ("picture", "title"),
    [
        (Image.new("RGB", (96, 96), (2, 2, 2)), "Dark"),
        (Image.new("RGB", (96, 96), (255, 255, 255)), "Bright"),
        (drawn(1).filter(ImageFilter.GaussianBlur(30)), "Blurred"),
    ],
)
def test_images_unlike_the_others_are_shown(sound, picture, title):
    sound.add(picture, path="cat/odd.jpg", label="cat")

    report, page = page_of(sound)

    [place] = next(outliers.places for outliers in report.outliers if outliers.title == title)
    assert sound.images[place].path == "cat/odd.jpg"
    assert titles(report, "notice") == ["1 image looks unlike the rest"]
    assert f"<summary>{title}" in page


def test_figures_for_programs_are_whole(sound):
    sound.add(drawn(0), label="dog")
    report, _ = page_of(sound)

    told = report.to_json()

    assert told["classes"] == {"dog": 16, "cat": 15}
    assert (told["n_copies"], told["n_near_duplicates"], told["n_unreadable"]) == (1, 0, 0)
