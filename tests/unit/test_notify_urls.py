"""URLs to which alerts go hold secrets: they are neither stored nor told."""

import json
from pathlib import Path

import pytest
import yaml

from include.config import PipelineConfig, find_pipelines, load_pipeline
from include.errors import ConfigError

SECRET = "T0123/B4567/hunter2"


def write(folder: Path, text: str) -> Path:
    path = folder / "shirts.yaml"
    path.write_text(
        f"name: shirts\nstages: {{training: {{name: a}}, incoming: {{name: b}}}}\n{text}\n", encoding="utf-8"
    )
    return path


def test_what_is_stored_of_a_url_is_its_scheme(tmp_path: Path) -> None:
    config = load_pipeline(write(tmp_path, f"notify: {{urls: ['slack://{SECRET}', 'env:TEAMS_URL']}}"))

    assert [url.get_secret_value() for url in config.notify.urls] == [f"slack://{SECRET}", "env:TEAMS_URL"]
    assert json.loads(config.to_json())["notify"]["urls"] == ["slack://…", "env:TEAMS_URL"]
    for text in (config.to_json(), repr(config), str(config), yaml.safe_dump(config.model_dump(mode="json"))):
        assert "hunter2" not in text
    # And: what is stored is a config again, of the same digest
    assert PipelineConfig.from_json(config.to_json()).digest == config.digest


def test_another_secret_is_no_other_config(tmp_path: Path) -> None:
    digests = {load_pipeline(write(tmp_path, f"notify: {{urls: ['slack://{s}']}}")).digest for s in ("a", "b")}

    assert len(digests) == 1


@pytest.mark.parametrize(
    "line",
    [
        f"notify: {{urls: ['{SECRET}']}}",
        f"notify: {{urls: ['slack:// {SECRET}']}}",
        f"notify: {{urls: 'slack://{SECRET}'}}",
        f"notify: 'slack://{SECRET}'",
        f"notify: {{urls: [[slack://{SECRET}]]}}",
        f"notify: {{url: ['slack://{SECRET}']}}",
        f"notify: {{urls: ['env:{SECRET}']}}",
        f"notify:\n  urls: [slack://{SECRET}\n  emails: []",
        f"notify: {{urls: ['slack://{SECRET}']",
    ],
)
def test_a_wrong_one_is_told_without_it(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, line)

    with pytest.raises(ConfigError) as refused:
        load_pipeline(path)

    assert str(path) in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in str(list(find_pipelines(tmp_path)))


def test_what_is_allowed_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"notify[.]urls[.]0: should be a URL as Apprise knows them .* or env:NAME"):
        load_pipeline(write(tmp_path, "notify: {urls: [slack]}"))
