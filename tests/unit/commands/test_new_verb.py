"""The verb `new`: from two folders, or stages, to a pipeline file and a report."""

import json

import pytest
import yaml
from decoders_here import DecodersHere
from PIL import Image
from stage_pictures import put_picture

from include.commands.app import main
from include.config import load_pipeline
from include.images import preprocess
from include.store.files import FileStore


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An own folder for pipeline files and store, and no local instance."""
    monkeypatch.setenv("DRIFTGATE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DRIFTGATE_PIPELINES", str(tmp_path / "pipelines"))
    monkeypatch.setenv("DRIFTGATE_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(preprocess, "Decoders", DecodersHere)


@pytest.fixture
def images(tmp_path):
    """A folder with two classes and one with new images."""
    for number in range(1, 7):
        for label, colour in (("red", (30 * number, 0, 0)), ("blue", (0, 0, 30 * number))):
            put_picture(tmp_path, f"{label}/{number}.png", colour=colour)
        put_picture(tmp_path, f"{number}.png", colour=(0, 30 * number, 0), stage="new")
    return tmp_path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    return ended.value.code, capsys.readouterr()


def new(capsys, root, *arguments, name="shirts", training="train", incoming="new"):
    folders = ("--training", str(root / training), "--incoming", str(root / incoming))
    return run(capsys, "new", name, *folders, *arguments)


def test_it_writes_a_file_that_loads_and_a_report_and_says_what_comes_next(capsys, images):
    code, shown = new(capsys, images)

    assert code == 0
    config = load_pipeline(images / "pipelines" / "shirts.yaml")
    assert config.stages.training.url == f"file://{images}/train/"
    assert config.stages.incoming.url == f"file://{images}/new/"
    assert (config.preprocessing.size, config.schedule, config.training.horizontal_flip) == (16, "@hourly", True)
    assert b"Data set of shirts" in FileStore(config.store_url).read("datasets/new.html")
    assert shown.out.splitlines()[-3:] == [
        "  ./driftgate up",
        "  ./driftgate setup shirts",
        "  ./driftgate train shirts",
    ]


def test_each_setting_has_its_reason(capsys, images):
    new(capsys, images, "--no-flip", "--email", "ann@example.com")

    text = (images / "pipelines" / "shirts.yaml").read_text()
    settings = [line for line in text.splitlines() if line.startswith("  ") and ": " in line and "  # " not in line]
    assert {line.split(":")[0].strip() for line in settings if not line.strip().startswith("#")} == {"name", "url"}
    config = load_pipeline(images / "pipelines" / "shirts.yaml")
    assert config.notify.emails == ("ann@example.com",)
    assert not config.training.horizontal_flip


def test_as_json_it_asks_nothing_and_says_all(capsys, images):
    (images / "train" / "red" / "broken.png").write_text("<html>")
    (images / "train" / "red" / "link.png").symlink_to(images / "train" / "red" / "1.png")
    put_picture(images, "loose.png", colour=(9, 9, 9))

    code, shown = new(capsys, images, "--json")

    told = json.loads(shown.out)
    assert code == 0
    assert (told["n_labelled"], told["n_new"], told["n_unreadable"]) == (13, 6, 1)
    assert told["classes"] == {"blue": 6, "red": 6}
    assert any("1 symbolic links" in note for note in told["notes"])
    assert any("1 images" in note and "loose.png" in note for note in told["notes"])
    assert told["next"][0] == "./driftgate up"


def test_a_class_may_have_any_name(capsys, images):
    (images / "train" / "red").rename(images / "train" / "<script>alert(1)<")

    code, _ = new(capsys, images)

    assert code == 0
    page = (images / "store" / "shirts" / "datasets" / "new.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_class_may_stand_in_the_file_name(capsys, images, tmp_path):
    for file in list((images / "train").rglob("*.png")):
        file.rename(images / "train" / f"{file.parent.name}_{file.name}")

    code, _ = new(capsys, images, "--labels", "^(?P<label>[a-z]+)_")

    assert code == 0
    text = yaml.safe_load((tmp_path / "pipelines" / "shirts.yaml").read_text())
    assert text["labels"]["from_path"] == "^(?P<label>[a-z]+)_"


def test_what_is_there_is_not_overwritten(capsys, images):
    assert new(capsys, images)[0] == 0
    before = (images / "pipelines" / "shirts.yaml").read_bytes()

    code, shown = new(capsys, images)

    assert code != 0
    assert "there is a pipeline shirts" in shown.err
    assert "./driftgate dataset shirts" in shown.err
    assert (images / "pipelines" / "shirts.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "told"),
    [("Shirts", "cannot be a pipeline's name"), ("yes", "cannot be"), ("a/b", "cannot be"), ("select", "cannot be")],
)
def test_a_name_that_no_pipeline_can_have_is_refused(capsys, images, name, told):
    code, shown = new(capsys, images, name=name)

    assert code != 0
    assert told in shown.err
    assert not (images / "pipelines").exists()


def empty(root):
    (root / "void").mkdir()
    return {"training": "void"}


def one_class(root):
    for file in (root / "train" / "blue").iterdir():
        file.unlink()
    return {}


def loose(root):
    put_picture(root, "1.png", colour=(1, 1, 1), stage="loose")
    return {"training": "loose"}


def unreadable(root):
    for file in (root / "train").rglob("*.png"):
        file.write_text("<html>")
    return {}


def not_there(root):
    return {"incoming": "nowhere"}


def nested(root):
    return {"incoming": "train/red"}


def spaced(root):
    (root / "train").rename(root / "my train")
    return {"training": "my train"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (empty, "has no image: put labelled ones there"),
        (one_class, "has one class only, red: a classifier needs two"),
        (loose, "has a class, the first is 1.png: put the images of a class into one folder"),
        (unreadable, "none of the 12 labelled images"),
        (not_there, "is not there"),
        (nested, "one holds the other"),
        (spaced, "whose path has no spaces"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_with_what_to_do(capsys, images, given, told):
    code, shown = new(capsys, images, **given(images))

    assert code != 0
    assert told in shown.err
    assert not (images / "pipelines").exists()


@pytest.mark.parametrize("given", ["s3://bucket/new/", "@STAGE", "@A.B.'C'"])
def test_what_is_neither_folder_nor_stage_is_refused(capsys, images, given):
    code, shown = run(capsys, "new", "shirts", "--training", given, "--incoming", str(images / "new"))

    assert code != 0
    assert "@DATABASE.SCHEMA.STAGE" in shown.err


def test_stages_of_the_warehouse_are_sources_too(capsys, images, warehouse, config):
    place = f"@{config.warehouse.database}.{config.schema_name}"
    put_picture(images, "camera/1.png", colour=(1, 200, 1), stage="new")

    code, shown = run(
        capsys,
        "new",
        "shirts",
        "--training",
        f"{place}.TRAINING_IMAGES",
        "--incoming",
        f"{place}.incoming_images/camera",
        "--json",
    )

    assert code == 0, shown.err
    told = json.loads(shown.out)
    assert (told["n_labelled"], told["n_new"], told["classes"]) == (12, 1, {"blue": 6, "red": 6})
    written = load_pipeline(images / "pipelines" / "shirts.yaml")
    assert written.stages.training.url is None
    assert (written.stages.incoming.name, written.stages.incoming.prefix) == ("INCOMING_IMAGES", "camera/")
    assert (written.warehouse.database, written.schema_name) == (config.warehouse.database, config.schema_name)


def test_pictures_are_as_they_are_afterwards(capsys, images):
    before = {path: path.read_bytes() for path in images.rglob("*.png")}

    new(capsys, images)

    assert {path: path.read_bytes() for path in images.rglob("*.png")} == before
    with Image.open(next(iter(before))) as picture:
        assert picture.size == (20, 20)
