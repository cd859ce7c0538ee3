"""A user's own folder of images, through the real scheduler: the story that `demo --dataset` tells."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from running_instance import RunningInstance

from include.commands.console import Output
from include.commands.demo.findings import show_quarantine
from include.commands.demo.own_images_plot import OwnImagesPlot
from include.commands.demo.stopwatch import Stopwatch
from include.commands.demo.story import Story
from include.commands.demo.summary import summarise
from include.commands.setting_up import set_up

pytestmark = pytest.mark.end_to_end

N_OF_CLASS = 40
FORMATS = (".JPG", ".png", ".webp", ".bmp", ".gif", ".tiff", ".jpeg", "")
"""Without a suffix: a PNG file."""


@pytest.fixture
def _own_process(instance: RunningInstance) -> Iterator[None]:
    """What the command may do to its process's environment, undone after the test."""
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("DRIFTGATE_")]:
            del os.environ[name]
        yield


@pytest.mark.usefixtures("_own_process")
def test_the_story_on_a_folder_of_photos(
    instance: RunningInstance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given: a folder as people have it: odd names, all formats, litter, and two files that are no images
    root = tmp_path / "Light & shade (2024)"
    write_photos(root)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}

    # When: the demo's story is told of it
    output, settings = Output(), instance.state.read_settings()
    plot = OwnImagesPlot.read(root, state=instance.state)
    truth = plot.write_inputs(instance.state, settings, output)
    config = set_up(plot.pipeline, instance.state)
    story = Story(state=instance.state, config=config, output=output, stopwatch=Stopwatch(output), truth=truth)
    plot.tell(story)

    # Then: a fifth was held back and classified, the broken files are in quarantine and stopped nothing
    findings = story.findings()
    dataset = plot.facts(story, findings)
    assert (dataset["name"], dataset["n_classes"], dataset["is_held_back"]) == ("light_shade_2024", 3, True)
    assert (dataset["n_train"], dataset["n_new"], dataset["n_quarantined"]) == (3 * 32 + 2, 3 * 8, 2)
    assert [row.relative_path for row in findings.quarantine] == ["above/empty.JPG", "below/404.jpg"]
    assert findings.n_predictions == 48
    assert findings.n_pending == 0

    # And: the model has learnt what is upright, and the check sees that the camera is turned
    assert dataset["test_accuracy"] > 0.8
    assert dataset["new_accuracy"] > 0.8
    turned = story.chapter("drift")
    assert turned.turned_accuracy is not None
    assert turned.turned_accuracy < 0.7
    assert (turned.verdict, turned.action) == ("DATA_DRIFT", "REQUEST_LABELS")
    assert [chapter.champion for chapter in story.chapters] == [1, 1, 1]

    # And: it is drawn, summed up and told, and the user's folder is as it was
    plot.draw(story, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert min(sheet.size) > 500
    summary = summarise(story, findings, mails=[], dataset=dataset)
    assert summary.accuracies["turned_before"] == turned.turned_accuracy
    show_quarantine(findings.quarantine, output)
    shown = capsys.readouterr().out
    for told in (
        "98 images of 3 classes to train on, 24 to classify",
        "epoch 1/",
        "DATA_DRIFT, REQUEST_LABELS",
        "above/empty.JPG",
    ):
        assert told in shown
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before


def write_photos(root: Path) -> None:
    """Write photos that are light above, below or in the middle: turned by 90° they are like none of these."""
    rng = np.random.default_rng(0)
    for band, label in enumerate(("above", "middle", "below")):
        for index in range(N_OF_CLASS):
            height, width = rng.integers(48, 120, size=2)
            light = np.full((height, width, 3), 60.0)
            light[band * height // 3 : (band + 1) * height // 3] = rng.uniform(140, 220, size=3)
            pixels = np.clip(light + rng.normal(0, 20, size=light.shape), 0, 255).astype(np.uint8)
            suffix = FORMATS[index % len(FORMATS)]
            folder = root / "train" / label / ('it\'s "one" of 100%' if index % 5 == 0 else "")
            folder.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(pixels)
            if suffix == ".png":
                picture = (picture.convert("RGBA"), picture.convert("P"), picture.convert("L"))[index % 3]
            picture.save(folder / f"Bild {index} 猫{suffix}", None if suffix else "PNG")
    (root / "train" / "above" / "empty.JPG").touch()
    (root / "train" / "below" / "404.jpg").write_text("<!doctype html><title>Not found</title>")
    (root / "train" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (root / "README.md").write_text("Mine.")
