"""A pipeline file: what it may hold, and what is said of a wrong one."""

from pathlib import Path

import pytest

from include.config import (
    PROJECT_ROOT,
    BrokenPipeline,
    PipelineConfig,
    find_pipelines,
    load_pipeline,
    load_pipeline_named,
)
from include.errors import ConfigError

SMALLEST = """
name: shirts
stages:
  training: {name: shirts_train}
  incoming: {name: shirts_new}
"""


def write(folder: Path, text: str, name: str = "shirts.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_needs_no_more_than_a_name_and_two_stages(tmp_path: Path) -> None:
    config = load_pipeline(write(tmp_path, SMALLEST))

    assert config.schema_name == "SHIRTS"
    assert config.stages.training.name == "SHIRTS_TRAIN"
    assert config.training.n_epochs == 25
    assert config.schedule == "@hourly"


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("model: {architecture: resnet51}", ["model.architecture", "'resnet50'", "got 'resnet51'"]),
        ("training: {n_epochs: 0}", ["training.n_epochs", "greater than or equal to 1", "got 0"]),
        ("training: {downsample_to: 1.5}", ["training.downsample_to", "less than or equal to 1", "got 1.5"]),
        ("preprocessing: {sise: 96}", ["preprocessing.sise", "there is no such field"]),
        ("preprocessing: {size: 224}", ["small_cnn is for images up to 96 px", "224"]),
        ("labels: {from_path: '^([^/]+)/'}", ["labels", "needs a group (?P<label>"]),
        ("labels: {from_path: '(?P<label>['}", ["labels.from_path", "not a regular expression"]),
        ("labels: {from_path: '(?:a|b)/(?P<label>.)'}", ["labels.from_path", "Snowflake"]),
        ("stages: {training: {name: a}, incoming: {name: A}}", ["stages", "must be two stages"]),
        ("stages: {training: {name: 'a; DROP'}, incoming: {name: b}}", ["stages.training.name", "got 'a; DROP'"]),
        ('stages: {training: {name: a, url: "file:///x\' y"}, incoming: {name: b}}', ["stages.training.url"]),
        ("labels: {from_path: '^(?P<label>.+?)/'}", ["labels.from_path", "Snowflake's expressions have no '+?'"]),
        ("stages: {training: {name: work}, incoming: {name: b}}", ["stages", "WORK is the name of a stage that"]),
        ("stages: {training: {name: order}, incoming: {name: b}}", ["stages.training.name", "reserved word"]),
        ("stages: {training: {name: a, url: 'ftp://x/'}, incoming: {name: b}}", ["stages.training.url", "ftp://x/"]),
        ("name: order", ["ORDER is a reserved word of Snowflake"]),
        ("schedule: every hour", ["schedule", "not a cron expression", "@hourly", "got 'every hour'"]),
        ("model: {weights: default}", ["model.weights", "none, DEFAULT, or a file", "got 'default'"]),
        ("model: {weights: DEFAULT}", ["model.weights", "no DEFAULT weights for small_cnn"]),
        ("name: Shirts", ["name", "got 'Shirts'"]),
        ("promotion: {approval: perhaps}", ["promotion.approval", "got 'perhaps'"]),
        ("promotion: {response_hours: 0}", ["promotion.response_hours", "greater than 0", "got 0"]),
        ("approvers: {n_needed: 2}", ["approvers", "n_needed is 2", "not 0"]),
        ("approvers: {users: [ann], n_needed: 2}", ["approvers", "n_needed is 2", "not 1"]),
        ("approvers: {users: [ann, ann]}", ["approvers", "different people", "ann"]),
        ("approvers: {users: [ann, {id: ann, name: ben}]}", ["approvers", "twice there is the id ann"]),
        ("approvers: {users: [7]}", ["approvers.users", "7"]),
        ('approvers: {users: ["a\\nb"]}', ["approvers.users"]),
        ("name: [", ["is not YAML"]),
        ("- a list", ["is not YAML"]),
    ],
)
def test_a_wrong_file_names_file_field_value_and_what_is_allowed(tmp_path: Path, lines: str, names: list[str]) -> None:
    field = lines.split(":", maxsplit=1)[0]
    kept = "\n".join(line for line in SMALLEST.splitlines() if not line.startswith(field))
    if field == "stages":
        kept = "name: shirts"
    path = write(tmp_path, f"{kept}\n{lines}\n")

    with pytest.raises(ConfigError) as refused:
        load_pipeline(path)

    for expected in [str(path), *names]:
        assert expected in str(refused.value)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stages: is required"):
        load_pipeline(write(tmp_path, "name: shirts"))


def test_a_wrong_file_does_not_keep_the_others_from_loading(tmp_path: Path) -> None:
    write(tmp_path, "name: broken\n", "a.yaml")
    write(tmp_path, SMALLEST, "b.yaml")
    write(tmp_path, SMALLEST, "c.yaml")
    write(tmp_path, SMALLEST.replace("name: shirts", "name: polos", 1) + "warehouse: {schema: shirts}", "d.yaml")

    broken, shirts, twin, neighbour = find_pipelines(tmp_path)

    assert isinstance(broken, BrokenPipeline)
    assert "stages: is required" in broken.reason
    assert isinstance(shirts, PipelineConfig)
    assert isinstance(twin, BrokenPipeline)
    assert f"is taken by {tmp_path / 'b.yaml'}" in twin.reason
    assert isinstance(neighbour, BrokenPipeline)
    assert f"DRIFTGATE.SHIRTS is taken by {tmp_path / 'b.yaml'}" in neighbour.reason


def test_a_stages_url_is_made_whole(tmp_path: Path) -> None:
    lines = "name: a\nstages:\n  training: {name: t, url: 's3://b/train'}\n  incoming: {name: i, url: 'file://x/new'}\n"

    stages = load_pipeline(write(tmp_path, lines)).stages

    assert stages.training.url == "s3://b/train/"
    assert stages.incoming.url == f"file://{PROJECT_ROOT}/x/new/"


@pytest.mark.parametrize("schedule", ["null", "'@daily'", "'*/5 * * * *'", "'0 6 * * MON'"])
def test_schedules_that_airflow_takes_are_taken(tmp_path: Path, schedule: str) -> None:
    assert load_pipeline(write(tmp_path, f"{SMALLEST}\nschedule: {schedule}")).name == "shirts"


def test_an_unknown_pipeline_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    write(tmp_path, SMALLEST)

    with pytest.raises(ConfigError, match=r"no pipeline 'hats' .* there are: shirts"):
        load_pipeline_named("hats", tmp_path)


def test_a_run_overrides_training_and_nothing_else(tmp_path: Path) -> None:
    config = load_pipeline(write(tmp_path, SMALLEST))

    overridden = config.with_training({"n_epochs": 3, "base_lr": None})

    assert overridden.training.n_epochs == 3
    assert overridden.training.base_lr == config.training.base_lr
    assert overridden.digest != config.digest


def test_a_run_overrides_the_strategy(tmp_path: Path) -> None:
    config = load_pipeline(write(tmp_path, SMALLEST))

    assert config.model.strategy == config.with_strategy(None).model.strategy == "scratch"
    assert config.with_strategy("head").model.strategy == "head"
    with pytest.raises(ConfigError, match=r"run parameters of shirts: model\.strategy: .*'scratch', 'warm' or 'head'"):
        config.with_strategy("cold")


@pytest.mark.parametrize("overrides", [{"n_epochs": -1}, {"n_epochs": "many"}, {"optimizer": "sgd"}])
def test_a_run_parameter_out_of_range_is_refused(tmp_path: Path, overrides: dict[str, object]) -> None:
    config = load_pipeline(write(tmp_path, SMALLEST))

    with pytest.raises(ConfigError, match=f"run parameters of shirts: training.{next(iter(overrides))}"):
        config.with_training(overrides)


def test_the_stored_form_gives_the_same_config_and_digest(tmp_path: Path) -> None:
    config = load_pipeline(write(tmp_path, SMALLEST))

    rebuilt = PipelineConfig.from_json(config.to_json())

    assert rebuilt == config
    assert rebuilt.digest == config.digest


def test_the_pipelines_that_ship_are_right() -> None:
    shipped = list(find_pipelines(Path(__file__).parents[2] / "pipelines"))

    assert [pipeline.name for pipeline in shipped if isinstance(pipeline, PipelineConfig)] == ["clothing", "digits"]
    assert not [pipeline for pipeline in shipped if isinstance(pipeline, BrokenPipeline)]
