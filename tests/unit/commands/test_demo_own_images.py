"""The demo on a user's images, as far as it needs no running instance: what it refuses, writes and sums up."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from include.commands.airflow_answers import DagRun, TaskInstance
from include.commands.app import main
from include.commands.console import Output
from include.commands.demo.findings import Answer, Findings, QuarantineRow, VersionRow
from include.commands.demo.own_images_plot import OwnImagesPlot
from include.commands.demo.stopwatch import Stopwatch
from include.commands.demo.story import Chapter, Story
from include.commands.demo.summary import summarise
from include.commands.follow import FollowedRun
from include.commands.local.state import LocalState
from include.config import load_pipeline
from include.errors import CommandError


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("DRIFTGATE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DRIFTGATE_STATE", str(tmp_path / "state"))


def photos(root: Path, *, n: int = 10) -> Path:
    for label in ("hat", "shoe"):
        for index in range(n):
            path = root / "train" / label / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (30, 20), (index, 0, 0)).save(path)
    return root


def story_of(state, plot) -> Story:
    output = Output()
    settings = state.read_settings()
    truth = plot.write_inputs(state, settings, output)
    config = load_pipeline(plot.pipeline_file(settings))
    return Story(state=state, config=config, output=output, stopwatch=Stopwatch(output), truth=truth)


def told(story: Story, step: str, kind: str, *, champion: int | None, upright=None, turned=None, verdict=None) -> None:
    tasks = (TaskInstance("train", -1, 1, "success", None, 12.5),)
    run = DagRun(f"images_{kind}", "manual", "success", None, None)
    story.runs[step] = FollowedRun(run, "http://page", "done", tasks)
    story.chapters.append(Chapter(step, f"{step} is done", verdict, "NONE", None, champion, upright, turned))


@pytest.fixture
def plot(tmp_path) -> OwnImagesPlot:
    return OwnImagesPlot.read(photos(tmp_path / "my images"), state=LocalState.locate(demo=True))


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("nowhere", "is not there"),
        ("state/demo/images", "which the demo empties first"),
        ("long" * 100, "cannot be read"),
        ("~nobody-has-this-name/images", "cannot be read"),
    ],
)
def test_a_folder_that_cannot_be_used_is_told_before_an_earlier_demo_is_touched(
    tmp_path, monkeypatch, capsys, folder, told
):
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "state" / "demo" / "images")

    with pytest.raises(SystemExit) as ended:
        main(["demo", "--dataset", folder])

    shown = capsys.readouterr()
    assert ended.value.code == 1
    assert shown.err.startswith("error: ")
    assert told in shown.err
    assert len(shown.err.splitlines()) == 1
    assert len(list((tmp_path / "state" / "demo").rglob("*.png"))) == 20


@pytest.mark.parametrize("written", ["~/My hats", "My hats/", "./other/../My hats", "linked"])
def test_a_folder_is_found_however_its_path_is_written(tmp_path, monkeypatch, written):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    photos(tmp_path / "My hats")
    (tmp_path / "other").mkdir()
    (tmp_path / "linked").symlink_to("My hats")

    plot = OwnImagesPlot.read(Path(written), state=LocalState.locate(demo=True))

    assert plot.folder.root == tmp_path.resolve() / "My hats"
    assert plot.pipeline == "my_hats"


def test_a_state_folder_that_no_stage_can_have_is_told(tmp_path, plot):
    state = LocalState(tmp_path / "my state" / "demo", is_demo=True)

    with pytest.raises(CommandError, match="set DRIFTGATE_STATE to a folder without them"):
        plot.write_inputs(state, state.read_settings(), Output())


def test_help_says_how_the_folder_is_laid_out(capsys):
    with pytest.raises(SystemExit):
        main(["demo", "--help"])

    shown = capsys.readouterr().out
    assert "--dataset" in shown
    assert "train/CLASS/IMAGE" in shown


def test_images_and_file_are_the_demo_s_own_and_the_folder_stays_as_it_is(tmp_path, plot, capsys):
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "my images").rglob("*")}
    state = LocalState.locate(demo=True)

    story = story_of(state, plot)

    assert plot.pipeline == story.config.name == "my_images"
    assert story.config.stages.incoming.url == f"file://{state.root}/images/new/"
    assert len(list((state.root / "images" / "train").rglob("*.png"))) == 16
    assert sorted(story.truth.values()) == ["hat"] * 2 + ["shoe"] * 2
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "my images").rglob("*")} == before
    shown = capsys.readouterr().out
    assert "16 images of 2 classes to train on, 4 to classify, a fifth of each class that is held back" in shown
    assert str(plot.pipeline_file(state.read_settings())) in shown


def test_a_first_model_that_is_refused_ends_the_story_with_what_to_do(plot, monkeypatch):
    story = story_of(LocalState.locate(demo=True), plot)
    monkeypatch.setattr(Story, "train", lambda self, step, *_, **__: told(self, step, "training", champion=None))

    with pytest.raises(CommandError) as refused:
        plot.tell(story)

    message = str(refused.value)
    assert "learnt too little from these images (train is done)" in message
    assert "gate.min_accuracy in" in message
    assert "./driftgate train my_images --demo" in message


def test_the_turned_copies_come_from_a_folder_of_their_own_and_their_truth_is_known(plot):
    state = LocalState.locate(demo=True)
    story = story_of(state, plot)

    truth = plot._deliver_turned(story)

    assert sorted(truth) == [f"camera_b/{index:04d}.jpg" for index in range(4)]
    assert sorted(truth.values()) == ["hat", "hat", "shoe", "shoe"]
    with Image.open(state.root / "images" / "new" / "camera_b" / "0000.jpg") as picture:
        assert picture.size == (20, 30)


@pytest.mark.parametrize("is_known", [True, False])
def test_summary_sheet_and_moral_tell_what_came_of_the_images(tmp_path, plot, is_known):
    state = LocalState.locate(demo=True)
    story = story_of(state, plot)
    if not is_known:
        story.truth.clear()
    share = 0.75 if is_known else None
    told(story, "train", "training", champion=1)
    told(story, "infer", "inference", champion=1, upright=share, verdict="STABLE")
    story.truth |= plot._deliver_turned(story) if is_known else {}
    told(story, "drift", "inference", champion=1, upright=share, turned=share and 0.25, verdict="DATA_DRIFT")
    paths = [*(image.path for image in plot.folder.new), "camera_b/0000.jpg"]
    story.delivered_answers = tuple(Answer(path, "hat", 0.5, 1, None) for path in paths)
    findings = Findings(
        champion=1,
        answers=story.delivered_answers,
        versions=(VersionRow(1, 0.8, "r"),),
        checks=(),
        ledger=(),
        quarantine=(QuarantineRow("TRAIN", "hat/x.jpg", "is empty"),),
        outcomes={},
        n_predictions=5,
        n_pending=0,
    )

    summary = summarise(story, findings, mails=[], dataset=plot.facts(story, findings))
    plot.draw(story, tmp_path / "sheet.png")

    summary.write(tmp_path / "summary.json")
    dataset = json.loads((tmp_path / "summary.json").read_text())["dataset"]
    assert (dataset["n_train"], dataset["n_new"], dataset["n_quarantined"]) == (16, 4, 1)
    assert (dataset["test_accuracy"], dataset["new_accuracy"], dataset["train_seconds"]) == (0.8, share, 12.5)
    assert set(summary.accuracies) == {"test", "test_1", "new_images", "turned_before"}
    assert ("75.0% right" in plot.moral(story)) == is_known
    assert "STABLE of the new images" in plot.moral(story)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height > 400


def test_the_way_to_keep_the_file_is_said_and_none_is_overwritten(tmp_path, plot):
    settings = LocalState.locate(demo=True).read_settings()
    copy = next(line for line in plot.next_steps(settings) if line.startswith("  cp "))

    assert copy == f"  cp {settings.pipelines}/my_images.yaml pipelines/my_images.yaml"
    taken = OwnImagesPlot.read(photos(tmp_path / "digits"), state=LocalState.locate(demo=True))
    assert any("there is one already" in line for line in taken.next_steps(settings))
