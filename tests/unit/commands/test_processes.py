import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from include.commands.local.processes import ProcessFolder
from include.errors import CommandError

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], process_group=0)
print(f"child {child.pid}", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path):
    folder = ProcessFolder(tmp_path / "run", tmp_path / "logs")
    yield folder
    folder.stop([path.stem for path in folder.path.glob("*.json")], grace_s=0.1)


def start(folder: ProcessFolder, name: str, command: list[str]) -> psutil.Process:
    return psutil.Process(folder.start(name, command, environment=os.environ, cwd=Path.cwd()).pid)


def wait_for_log(folder: ProcessFolder, name: str, text: str) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for line in folder.tail(name).splitlines():
            if text in line:
                return line
        time.sleep(0.02)
    raise AssertionError(f"{text!r} is not in the log: {folder.tail(name)}")


def test_a_started_process_is_found_again_and_ended(folder):
    process = start(folder, "sleeper", SLEEP)

    found = ProcessFolder(folder.path, folder.logs).find_running("sleeper")  # as the next command sees it

    assert found is not None
    assert found.pid == process.pid
    assert folder.stop(["sleeper", "never started"], grace_s=5) == ["sleeper"]
    assert not process.is_running()
    assert folder.find("sleeper") is None
    assert folder.stop(["sleeper"], grace_s=5) == []


def test_a_process_that_ended_is_not_running_and_its_log_tells_why(folder):
    process = start(folder, "broken", [sys.executable, "-c", "raise SystemExit('no such door')"])
    process.wait(timeout=20)

    assert folder.find_running("broken") is None
    assert folder.tail("broken").endswith("no such door")


def test_one_that_does_not_listen_is_ended_by_force(folder):
    process = start(folder, "stubborn", STUBBORN)
    wait_for_log(folder, "stubborn", "deaf")

    folder.stop(["stubborn"], grace_s=0.2)

    assert not process.is_running()


def test_what_a_process_started_ends_with_it_even_in_another_group_or_as_an_orphan(folder):
    parent = start(folder, "parent", [sys.executable, "-c", PARENT])
    child = psutil.Process(int(wait_for_log(folder, "parent", "child").split()[1]))
    assert os.getpgid(child.pid) != os.getpgid(parent.pid)
    parent.kill()
    parent.wait(timeout=10)
    assert child.is_running()

    assert folder.find_running("parent") is None
    assert folder.stop(["parent"], grace_s=5) == ["parent"]

    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_stranger_with_a_recycled_pid_is_left_alone(folder):
    # Given: the file of a process that ended, whose pid another program (its own session, too) has by now
    start(folder, "ours", SLEEP)
    content = json.loads((folder.path / "ours.json").read_text())
    folder.stop(["ours"], grace_s=5)
    time.sleep(0.05)  # start times are counted in hundredths of a second
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    (folder.path / "ours.json").write_text(json.dumps({**content, "pid": stranger.pid}))

    # When, then
    assert folder.find_running("ours") is None
    assert folder.stop(["ours"], grace_s=0.1) == []
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_what_a_stranger_left_in_a_recycled_session_is_left_alone(folder):
    # Given: the file of a process that ended, whose pid was by now the session of a stranger that has ended, too
    start(folder, "ours", SLEEP)
    content = json.loads((folder.path / "ours.json").read_text())
    folder.stop(["ours"], grace_s=5)
    leader = subprocess.Popen(
        [sys.executable, "-c", "import subprocess; subprocess.Popen(['sleep', '60'])"], start_new_session=True
    )
    leader.wait()
    [orphan] = [p for p in psutil.process_iter() if p.pid != leader.pid and session_of(p) == leader.pid]
    (folder.path / "ours.json").write_text(json.dumps({**content, "pid": leader.pid}))

    # When, then
    assert folder.stop(["ours"], grace_s=0.1) == []
    assert orphan.is_running()
    orphan.kill()


def session_of(process):
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return None


def test_a_process_of_an_earlier_boot_is_left_alone(folder):
    process = start(folder, "ours", SLEEP)
    file = folder.path / "ours.json"
    ours = file.read_text()
    content = json.loads(ours)
    content["start"]["boot"] = "another"
    file.write_text(json.dumps(content))

    assert folder.stop(["ours"], grace_s=0.1) == []
    assert process.is_running()
    file.write_text(ours)


@pytest.mark.parametrize("content", ["", "[]", '{"pid": 1}', '{"pid": "x", "start": {}}'])
def test_a_damaged_file_counts_as_none(folder, content):
    folder.path.mkdir(parents=True)
    (folder.path / "odd.json").write_text(content)

    assert folder.find("odd") is None


def test_a_program_that_is_not_there_is_named(folder):
    with pytest.raises(CommandError, match="ghost: /nowhere/program cannot be started"):
        folder.start("ghost", ["/nowhere/program"], environment={}, cwd=Path.cwd())


def test_it_survives_ctrl_c_in_the_terminal(folder):
    process = start(folder, "sleeper", SLEEP)

    assert os.getpgid(process.pid) != os.getpgid(0)
    assert os.getsid(process.pid) == process.pid


def test_ctrl_c_while_a_process_is_born_comes_when_it_is_known(folder, monkeypatch):
    born = subprocess.Popen

    def born_and_interrupted(*arguments, **values):
        child = born(*arguments, **values)
        os.kill(os.getpid(), signal.SIGINT)
        return child

    monkeypatch.setattr(subprocess, "Popen", born_and_interrupted)

    with pytest.raises(KeyboardInterrupt):
        start(folder, "sleeper", SLEEP)

    assert folder.find_running("sleeper") is not None
    assert folder.stop(["sleeper"], grace_s=5) == ["sleeper"]
