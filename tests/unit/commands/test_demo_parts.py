import hashlib
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from include.commands.console import Output
from include.commands.demo.findings import (
    Answer,
    QuarantineRow,
    accuracy_of,
    read_findings,
    show_answers,
    show_quarantine,
)
from include.commands.local.contact_sheet import (
    PHOTOS,
    AnsweredImage,
    Band,
    draw_bands,
    draw_contact_sheet,
    evenly,
    worst_first,
)
from include.commands.local.digits import N_DIGITS, write_batch, write_digits


def test_the_digits_are_real_pictures_in_two_stages(tmp_path):
    digits = write_digits(tmp_path / "train", tmp_path / "new")

    training, new = sorted((tmp_path / "train").glob("*/*.png")), sorted((tmp_path / "new").glob("*.png"))
    assert (len(training), len(new)) == (1000, 200)
    assert digits.n_training == 1000
    assert {path.parent.name for path in training} == set("0123456789")
    assert set(digits.truth) == {path.name for path in new}
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in [*training, *new]}) == 1200
    with Image.open(training[0]) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (32, 32))
        assert np.asarray(picture).max() > 200


def test_they_are_the_same_each_time(tmp_path):
    first = write_digits(tmp_path / "a", tmp_path / "a_new", n_training=20, n_new=5)
    second = write_digits(tmp_path / "b", tmp_path / "b_new", n_training=20, n_new=5)

    assert first == second
    assert [p.read_bytes() for p in sorted((tmp_path / "a_new").iterdir())] == [
        p.read_bytes() for p in sorted((tmp_path / "b_new").iterdir())
    ]


def test_the_contact_sheet_shows_wrong_answers_first_and_in_red(tmp_path):
    Image.new("L", (32, 32), 0).save(tmp_path / "digit.png")
    right = AnsweredImage(tmp_path / "digit.png", "3", 0.2, truth="3")
    wrong = AnsweredImage(tmp_path / "digit.png", "8", 0.9, truth="3")

    shown = draw_contact_sheet([right] * 99 + [wrong], tmp_path / "out" / "sheet.png", title="a hundred")

    assert shown == 72
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        pixels = np.asarray(sheet).astype(int)
    is_red = (pixels[..., 0] > 150) & (pixels[..., 1] < 100)
    assert is_red.any()
    assert not is_red[:, 92:].any()  # the first cell only


def test_a_sheet_of_nothing_is_still_a_picture(tmp_path):
    assert draw_contact_sheet([], tmp_path / "sheet.png", title="nothing") == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height > 0


def test_a_turned_camera_sends_turned_pictures_and_none_twice(tmp_path):
    written = write_digits(tmp_path / "train", tmp_path / "new")
    upright = write_batch(tmp_path / "upright", range(1200, N_DIGITS))
    turned = write_batch(tmp_path / "new", range(1200, N_DIGITS), is_turned=lambda position: position % 2 == 0)

    assert len(turned) == N_DIGITS - 1200
    assert sum(path.startswith("camera_b/") for path in turned) == len(turned) // 2 + len(turned) % 2
    assert not set(turned) & set(written.truth)
    for path, label in turned.items():
        name = path.removeprefix("camera_b/")
        assert upright[name] == label
        with Image.open(tmp_path / "new" / path) as picture, Image.open(tmp_path / "upright" / name) as original:
            turns = 1 if path != name else 0
            assert np.array_equal(np.asarray(picture), np.rot90(np.asarray(original), turns))


def test_an_empty_warehouse_has_no_findings(warehouse):
    findings = read_findings(warehouse, n_pending=3)

    assert (findings.champion, findings.answers, findings.versions, findings.checks) == (None, (), (), ())
    assert (findings.ledger, findings.n_predictions, findings.n_pending) == ((), 0, 3)


def test_the_accuracy_of_a_camera_counts_an_image_without_an_answer_as_wrong():
    truth = {"1.png": "a", "2.png": "b", "camera_b/3.png": "a"}
    answers = [Answer("1.png", "a", 0.9, 1, None), Answer("camera_b/3.png", "b", 0.9, 1, None)]

    assert accuracy_of(answers, truth, turned=False) == 0.5
    assert accuracy_of(answers, truth, turned=True) == 0.0
    assert accuracy_of(answers, {"1.png": "a"}, turned=True) is None


@pytest.mark.parametrize("name", ["digits"])
def test_the_demo_s_pipeline_is_the_shipped_one_with_folders_of_its_own(tmp_path, name):
    from include.commands.demo.digits_plot import DigitsPlot
    from include.commands.local.state import LocalState
    from include.config import PROJECT_ROOT, load_pipeline, load_pipeline_named

    state = LocalState(tmp_path / "demo", is_demo=True)
    settings = state.read_settings().with_choices(pipelines=str(tmp_path / "demo" / "pipelines"))

    truth = DigitsPlot().write_inputs(state, settings, Output())

    assert len(truth) == 200
    config = load_pipeline_named(name, tmp_path / "demo" / "pipelines")
    assert config.stages.training.url == f"file://{tmp_path}/demo/images/train/"
    assert config.retraining.mode == "automatic"
    assert config.notify.emails
    shipped = load_pipeline(PROJECT_ROOT / "pipelines" / f"{name}.yaml")
    the_demo_s = {part: getattr(config, part) for part in ("stages", "retraining", "inference", "notify", "schedule")}
    assert shipped.model_copy(update=the_demo_s) == config


def test_answers_are_shown_in_one_line_each(capsys):
    answers = [Answer(f"{i}\n\x1b[31m.png", "a\tb", 0.9, 1, datetime(2026, 1, 1)) for i in range(100)]

    show_answers(answers, Output())

    shown = capsys.readouterr().out
    assert "0\\n\\x1b[31m.png" in shown
    assert "\x1b[31m" not in shown
    assert "100 rows, 8 of them are shown" in shown


def test_what_is_in_quarantine_is_shown_with_its_reason(capsys):
    show_quarantine((), Output())
    assert capsys.readouterr().out == ""

    show_quarantine([QuarantineRow("NEW", f"cat/{i}.jpg", "is empty") for i in range(9)], Output())

    shown = capsys.readouterr().out
    assert "cat/0.jpg" in shown
    assert "is empty" in shown
    assert "9 rows, the first 8 are shown" in shown


def test_photos_keep_their_proportions_and_a_broken_one_leaves_its_place(tmp_path):
    formats = {"wide.jpg": ("RGB", (300, 100)), "tall.png": ("I;16", (100, 300)), "one.gif": ("P", (1, 1))}
    formats |= {"a.webp": ("RGBA", (700, 700)), "b.bmp": ("1", (50, 50)), "c.tiff": ("CMYK", (90, 60))}
    for name, (mode, size) in formats.items():
        Image.new(mode, size).save(tmp_path / name)
    (tmp_path / "broken.jpg").touch()
    names = [*formats, "broken.jpg", "not there.jpg"]
    images = [AnsweredImage(tmp_path / name, "a long name of a class, " * 5, 0.5, truth=None) for name in names]

    shown = draw_bands([Band("all", images), Band("none", [])], tmp_path / "sheet.png", title="t" * 999, layout=PHOTOS)

    assert shown == 8
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (8 * PHOTOS.cell, 40 + 30 + PHOTOS.height)
        pixels = np.asarray(sheet.convert("L"))
    first_cell = pixels[70 : 70 + PHOTOS.picture, : PHOTOS.cell]
    black_rows = (first_cell < 20).sum(axis=1)
    assert black_rows.max() == PHOTOS.picture  # as wide as may be
    assert (black_rows > 0).sum() in range(44, 48)  # and a third as high
    assert not (pixels[:, :2] < 20).any()  # nothing runs out of its cell


def test_letters_that_the_font_lacks_are_told_apart(tmp_path):
    Image.new("L", (32, 32)).save(tmp_path / "1.png")
    for name, label in {"cat": "猫", "dog": "犬", "cat_by_number": "\\u732b"}.items():
        image = AnsweredImage(tmp_path / "1.png", label, 0.5, truth=None)
        draw_bands([Band("", [image])], tmp_path / f"{name}_sheet.png", title="猫", layout=PHOTOS)

    cat, dog, number = ((tmp_path / f"{name}_sheet.png").read_bytes() for name in ("cat", "dog", "cat_by_number"))
    assert cat != dog
    assert cat == number


def test_a_wrong_answer_is_one_whose_truth_is_known():
    unknown, wrong = (AnsweredImage(None, "a", 0.1, truth) for truth in (None, "b"))
    right = AnsweredImage(None, "a", 0.5, "a")

    assert worst_first([right, unknown, wrong]) == [wrong, unknown, right]
    assert evenly([right] * 3 + [wrong] * 3, 2) == [right, wrong]
    assert evenly([], 5) == []
