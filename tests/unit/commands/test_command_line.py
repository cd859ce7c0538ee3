"""The command as a user calls it: what it says, where, and with which exit code."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from include.commands.app import main
from include.config import PROJECT_ROOT

COMMAND = PROJECT_ROOT / "driftgate"


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("DRIFTGATE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DRIFTGATE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DRIFTGATE_PIPELINES", str(tmp_path / "pipelines"))
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "digits.yaml").write_text(
        json.dumps({"name": "digits", "stages": {"training": {"name": "A"}, "incoming": {"name": "B"}}})
    )


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["train", "digits"], 3, "Airflow is not running: ./driftgate up starts it"),
        (["infer", "digits", "--demo"], 3, "Airflow is not running: ./driftgate demo starts it"),
        (["setup", "digits"], 3, "the warehouse is not running: ./driftgate up starts it"),
        (["train", "digit"], 2, "there is no pipeline 'digit' in "),
        (["setup", "digit"], 2, "did you mean 'digits'?"),
        (["history", "clothing"], 2, "there are: digits"),
        (["train", "digits", "--n-epochs", "0"], 1, "training.n_epochs: "),
        (["labels", "digits", "import"], 2, "which file? ./driftgate labels digits import FILE.csv"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(capsys, arguments, code, told, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE", raising=False)
    if "--demo" in arguments:  # the demo's pipelines are not there either, until it has run
        shutil.copytree(os.environ["DRIFTGATE_PIPELINES"], Path(os.environ["DRIFTGATE_STATE"]) / "demo" / "pipelines")

    assert call(*arguments) == code

    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert told in shown.err
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""


def test_with_json_an_error_is_json_too(capsys):
    assert call("train", "digits", "--json") == 3

    shown = capsys.readouterr()
    error = json.loads(shown.out)
    assert error == {"error": "Airflow is not running: ./driftgate up starts it", "exit_code": 3}
    assert error["error"] in shown.err


def test_a_defect_is_told_in_one_line_with_what_shows_more(capsys, monkeypatch):
    def broken(*arguments: object, **options: object) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr("include.commands.runs.run_dag", broken)

    assert call("train", "digits") == 70

    shown = capsys.readouterr().err
    assert "KeyError: 'a defect'" in shown
    assert "./driftgate --debug" in shown
    assert len(shown.splitlines()) == 1


def test_debug_shows_where_an_error_comes_from():
    from include.errors import ConfigError

    with pytest.raises(ConfigError):
        main(["--debug", "train", "digit"])


@pytest.mark.parametrize(
    "arguments", [["fly"], ["train"], ["train", "digits", "--n-epochs", "many"], ["up", "--airflow-port", "70000"]]
)
def test_a_wrong_call_has_exit_code_2(capsys, arguments):
    assert call(*arguments) == 2
    assert "Usage" in capsys.readouterr().err


def test_help_lists_the_verbs_with_examples(capsys):
    assert call("--help") == 0

    shown = capsys.readouterr().out
    assert all(verb in shown for verb in ("up", "down", "setup", "train", "infer", "rollback", "status", "demo"))
    assert "./driftgate train" in shown


def test_a_taken_port_is_told_before_anything_starts(capsys, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert call("up", "--airflow-port", str(port)) == 1

    shown = capsys.readouterr().err
    assert f"port {port} for the api-server is in use by process {os.getpid()}" in shown
    assert "--airflow-port" in shown
    assert list((tmp_path / "state" / "run").glob("*.json")) == []
    assert not (tmp_path / "state" / "settings.json").exists()


def test_one_port_cannot_serve_both(capsys):
    assert call("up", "--airflow-port", "18999", "--warehouse-port", "18999") == 1
    assert "18999 cannot be both" in capsys.readouterr().err


def test_down_without_up_says_so(capsys):
    main_code = call("down", "--all")

    assert main_code == 0
    assert "the local instance was never started" in capsys.readouterr().out


def test_status_without_an_instance_tells_what_is_missing(capsys, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE", raising=False)
    assert call("status", "--json") == 0

    shown = capsys.readouterr()
    assert json.loads(shown.out)["pipelines"][0]["name"] == "digits"
    assert "./driftgate up starts it" in json.loads(shown.out)["pipelines"][0]["problem"]


def test_it_runs_from_another_folder_and_through_a_link(tmp_path):
    link = tmp_path / "dg"
    link.symlink_to(COMMAND)

    done = subprocess.run([link, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert "Usage: driftgate" in done.stdout


def test_without_an_environment_it_says_how_to_make_one(tmp_path):
    shutil.copy(COMMAND, tmp_path / "driftgate")

    done = subprocess.run([tmp_path / "driftgate", "up"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "make install" in done.stderr


def test_the_entry_has_three_lines():
    lines = COMMAND.read_text().splitlines()

    assert len([line for line in lines if not line.startswith("#!")]) == 3
    assert os.access(COMMAND, os.X_OK)
