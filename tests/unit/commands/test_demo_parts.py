import hashlib

import numpy as np
import pytest
from PIL import Image

from include.commands.demo import Answer
from include.commands.local.contact_sheet import AnsweredImage, draw_contact_sheet
from include.commands.local.digits import write_digits


def test_the_digits_are_real_pictures_in_two_stages(tmp_path):
    digits = write_digits(tmp_path / "train", tmp_path / "new")

    training, new = sorted((tmp_path / "train").glob("*/*.png")), sorted((tmp_path / "new").glob("*.png"))
    assert (len(training), len(new)) == (1500, 297)
    assert digits.n_training == 1500
    assert {path.parent.name for path in training} == set("0123456789")
    assert set(digits.truth) == {path.name for path in new}
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in [*training, *new]}) == 1797
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


def test_the_answers_are_read_as_any_consumer_would(warehouse):
    assert warehouse.fetch("demo/select_answers", Answer) == []


@pytest.mark.parametrize("name", ["digits"])
def test_the_demo_s_pipeline_is_the_shipped_one_with_folders_of_its_own(tmp_path, name):
    from include.commands.demo import _write_inputs
    from include.commands.local.state import LocalState
    from include.config import PROJECT_ROOT, load_pipeline, load_pipeline_named

    state = LocalState(tmp_path / "demo", is_demo=True)
    settings = state.read_settings().with_choices(pipelines=str(tmp_path / "demo" / "pipelines"))

    _write_inputs(state, settings)

    config = load_pipeline_named(name, tmp_path / "demo" / "pipelines")
    assert config.stages.training.url == f"file://{tmp_path}/demo/images/train/"
    shipped = load_pipeline(PROJECT_ROOT / "pipelines" / f"{name}.yaml")
    assert config.model_copy(update={"stages": shipped.stages}) == shipped
