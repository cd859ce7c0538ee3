import json
import subprocess
import sys

import pytest

from include.commands.local.prepare import PASSWORD_VARIABLES, main, write_passwords
from include.commands.local.state import LocalState
from include.config import PROJECT_ROOT


@pytest.fixture(autouse=True)
def passwords(monkeypatch):
    for name, variable in PASSWORD_VARIABLES.items():
        monkeypatch.setenv(variable, f"the {name}")


def test_the_passwords_are_those_of_the_environment(tmp_path):
    write_passwords(LocalState(tmp_path))

    state = LocalState(tmp_path)
    assert state.secret("warehouse_password") == "the warehouse_password"
    assert json.loads(state.passwords_file.read_text()) == {
        "admin": "the admin_password",
        "viewer": "the viewer_password",
    }


def test_a_changed_password_replaces_the_former(tmp_path, monkeypatch):
    write_passwords(LocalState(tmp_path))
    monkeypatch.setenv("DRIFTGATE_ADMIN_PASSWORD", "a new one")

    write_passwords(LocalState(tmp_path))

    assert json.loads(LocalState(tmp_path).passwords_file.read_text())["admin"] == "a new one"


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_password_is_told_before_anything_is_written(tmp_path, monkeypatch, capsys, value):
    if value is None:
        monkeypatch.delenv("DRIFTGATE_VIEWER_PASSWORD")
    else:
        monkeypatch.setenv("DRIFTGATE_VIEWER_PASSWORD", value)

    assert main(["--root", str(tmp_path)]) == 1

    assert capsys.readouterr().err.startswith("error: DRIFTGATE_VIEWER_PASSWORD: ")
    assert list(tmp_path.iterdir()) == []


def test_the_root_is_needed():
    command = [sys.executable, "-m", "include.commands.local.prepare"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "--root" in done.stderr
