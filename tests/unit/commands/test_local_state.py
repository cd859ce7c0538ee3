import json
import stat
from pathlib import Path

import pytest

from include.commands.local.state import LocalState, Settings
from include.errors import CommandError


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE", "AIRFLOW_PORT", "WAREHOUSE_PORT", "MAIL_PORT", "PIPELINES"):
        monkeypatch.delenv(f"DRIFTGATE_{name}", raising=False)


def test_secrets_are_made_once_and_only_the_owner_can_read_them(tmp_path):
    state = LocalState(tmp_path / "state")

    passwords = [state.secret(name) for name in ("admin_password", "warehouse_password", "jwt_secret", "fernet_key")]

    assert len(set(passwords)) == 4
    assert all(len(password) >= 20 for password in passwords)
    assert LocalState(tmp_path / "state").secret("admin_password") == passwords[0]
    folder = tmp_path / "state" / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_airflow_gets_the_same_passwords_as_the_command(tmp_path):
    state = LocalState(tmp_path)

    state.write_airflow_passwords()

    written = json.loads(state.passwords_file.read_text())
    assert written == {"admin": state.secret("admin_password"), "viewer": state.secret("viewer_password")}
    assert stat.S_IMODE(state.passwords_file.stat().st_mode) == 0o600


def test_the_fernet_key_is_one(tmp_path):
    from cryptography.fernet import Fernet

    Fernet(LocalState(tmp_path).secret("fernet_key").encode())


def test_a_chosen_port_is_kept_and_a_variable_wins_over_it(tmp_path, monkeypatch):
    state = LocalState(tmp_path)
    assert state.read_settings().airflow_port == 8080
    assert not state.exists

    state.keep_settings(state.read_settings().with_choices(airflow_port=9001))
    assert state.exists
    assert state.read_settings() == Settings(
        airflow_port=9001,
        warehouse_port=8765,
        mail_port=8025,
        pipelines=LocalState(tmp_path / "other").read_settings().pipelines,
    )

    monkeypatch.setenv("DRIFTGATE_AIRFLOW_PORT", "9002")
    assert state.read_settings().airflow_port == 9002


def test_the_demo_has_ports_and_pipelines_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTGATE_STATE", str(tmp_path))
    monkeypatch.setenv("DRIFTGATE_PIPELINES", "/somewhere")

    main, demo = LocalState.locate(), LocalState.locate(demo=True)

    assert demo.root == tmp_path / "demo"
    ports = [
        port
        for settings in (main.read_settings(), demo.read_settings())
        for port in (settings.airflow_port, settings.warehouse_port, settings.mail_port)
    ]
    assert len(set(ports)) == 6
    assert main.read_settings().pipelines == "/somewhere"
    assert Path(demo.read_settings().pipelines) == tmp_path / "demo" / "pipelines"


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1", "8080.5", "٨٠٨٠"])
def test_a_port_that_is_none_is_refused_by_name(tmp_path, monkeypatch, port):
    monkeypatch.setenv("DRIFTGATE_WAREHOUSE_PORT", port)

    with pytest.raises(CommandError, match=f"DRIFTGATE_WAREHOUSE_PORT: .*{port!r}"):
        LocalState(tmp_path).read_settings()


def test_settings_that_were_kept_before_there_was_a_mail_catcher_are_read(tmp_path):
    kept = {"airflow_port": 9001, "warehouse_port": 9002, "pipelines": "/somewhere"}
    (tmp_path / "settings.json").write_text(json.dumps(kept))

    assert LocalState(tmp_path).read_settings() == Settings(**kept, mail_port=8025)
    assert LocalState(tmp_path, is_demo=True).read_settings() == Settings(**kept, mail_port=8125)


def test_a_damaged_settings_file_is_named(tmp_path):
    (tmp_path / "settings.json").write_text('{"airflow_port": 80')

    with pytest.raises(CommandError, match=r"settings\.json: is damaged"):
        LocalState(tmp_path).read_settings()


def test_two_commands_do_not_start_at_once(tmp_path):
    state = LocalState(tmp_path)

    with state.locked(), pytest.raises(CommandError, match="another driftgate command"), state.locked():
        pass

    with state.locked():  # the first one is done
        pass


def test_wiping_removes_all_but_the_lock(tmp_path):
    state = LocalState(tmp_path / "demo")
    with state.locked():
        state.secret("admin_password")
    outside = tmp_path / "outside"
    outside.mkdir()
    (state.root / "link").symlink_to(outside, target_is_directory=True)
    with state.locked():
        state.wipe()

    assert sorted(path.name for path in state.root.iterdir()) == [".driftgate-state", "run"]
    assert outside.is_dir()


def test_a_folder_of_someone_else_is_not_wiped(tmp_path):
    thesis = tmp_path / "demo" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    state = LocalState(thesis.parent)

    with state.locked(), pytest.raises(CommandError, match=r"is not a folder of Driftgate, it holds thesis\.txt"):
        state.wipe()

    assert thesis.read_text() == "years of work"
