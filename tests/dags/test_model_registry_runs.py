"""Runs of a pipeline whose champion is in Snowflake's Model Registry, too; the library's part has a stand-in."""

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.config import PipelineConfig
from include.config_parts import RegistryConfig

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., Any]

STAND_IN = """
import json, os, sys, types

def answer(path):
    from include.registry.publishing.registry_request import RegistryRequest
    mode = os.stat(path).st_mode
    request = RegistryRequest.take(__import__("pathlib").Path(path))
    with open({seen!r}, "w") as seen:
        json.dump({{"mode": mode, "path": path, "argv": sys.argv, "connection": request.connection}}, seen)
    return {answer!r}

sys.modules["include.registry.publishing.registry_call"] = types.SimpleNamespace(answer=answer)
"""


@pytest.fixture
def config(config: PipelineConfig) -> PipelineConfig:
    return config.model_copy(update={"registry": RegistryConfig(function=None, publish="snowflake")})


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], Path]:
    """A function that makes the other environment's python: this one's, which answers requests as it is told."""

    def make(answer: dict[str, Any]) -> Path:
        folder = tmp_path / "other environment"
        folder.mkdir()
        seen = folder / "seen.json"
        (folder / "sitecustomize.py").write_text(STAND_IN.format(seen=str(seen), answer=answer))
        python = folder / "python"
        python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}:$PYTHONPATH" exec {sys.executable} "$@"\n')
        python.chmod(0o700)
        monkeypatch.setenv("DRIFTGATE_SNOWFLAKE_ML_PYTHON", str(python))
        return seen

    return make


@pytest.fixture
def roll_back(add_champions: Callable[[int], None], request: pytest.FixtureRequest) -> Run:
    """A function that rolls back from version 2 to version 1; to be asked for when the environment is there."""

    def run() -> Any:
        add_champions(2)
        return request.getfixturevalue("run")("rollback", reason="bad")

    return run


def test_each_dag_that_moves_the_champion_has_the_task(
    config: PipelineConfig, write_pipeline: Callable[[PipelineConfig], Path], load_dags: Callable[[], Any]
) -> None:
    write_pipeline(config)

    dags = load_dags()

    tasks = {kind: dags.dags[f"{config.name}_{kind}"].task_dict for kind in ("training", "inference", "rollback")}
    upstream = {kind: of_dag["publish_model"].upstream_task_ids for kind, of_dag in tasks.items()}
    assert upstream == {"training": {"promote"}, "inference": {"roll_back"}, "rollback": {"roll_back"}}
    downstream = {kind: of_dag["publish_model"].downstream_task_ids for kind, of_dag in tasks.items()}
    assert downstream == {
        "training": {"announce"},
        "inference": {"report_failures", "deliver_alerts"},
        "rollback": {"deliver_alerts"},
    }


def test_the_secrets_reach_the_other_environment_and_nothing_else(
    stand_in: Callable[[dict[str, Any]], Path],
    roll_back: Run,
    capfd: pytest.CaptureFixture[str],
    embedded_warehouse: str,
) -> None:
    # given the other environment
    seen = stand_in({"version": 1, "model": "TESTS.A.CLASSIFIER"})

    # when a rollback is done
    run = roll_back()

    # then it was given the connection, in a file that nobody else may read and that is gone
    assert run.state == "success"
    asked = json.loads(seen.read_text())
    password = json.loads(embedded_warehouse)["password"]
    assert asked["connection"]["password"] == password
    assert stat.S_IMODE(asked["mode"]) == 0o600
    assert not Path(asked["path"]).exists()

    # and neither the arguments, nor the log, nor what Airflow stores of the task has the password
    printed = capfd.readouterr().out
    assert "publish_model" in printed
    ti = run.get_task_instance("publish_model")
    stored = json.dumps([asked["argv"], ti.xcom_pull(task_ids="publish_model"), ti.task_id])
    assert ti.xcom_pull(task_ids="publish_model") == {"model": "TESTS.A.CLASSIFIER", "version": 1}
    assert password not in printed + stored


def test_an_environment_that_is_not_there_is_told_with_how_to_make_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, roll_back: Run, query: Query, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRIFTGATE_SNOWFLAKE_ML_PYTHON", str(tmp_path / "none"))

    assert roll_back().state == "failed"

    assert "make snowflake-ml" in capfd.readouterr().out
    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]


def test_another_environment_is_told_from_the_right_one(
    monkeypatch: pytest.MonkeyPatch, roll_back: Run, query: Query, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRIFTGATE_SNOWFLAKE_ML_PYTHON", sys.executable)

    assert roll_back().state == "failed"

    printed = capfd.readouterr().out
    assert "snowflake.ml" in printed
    assert "make snowflake-ml" in printed
    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]
