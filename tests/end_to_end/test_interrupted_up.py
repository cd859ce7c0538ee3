"""Ctrl-C while `up` starts."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
from running_instance import COMMAND, COMPONENTS, RunningInstance

pytestmark = pytest.mark.end_to_end


def test_an_interrupted_up_leaves_nothing_behind(
    instance: RunningInstance, tmp_path: Path, free_ports: list[int]
) -> None:
    # Given: another instance, in the middle of its start
    other = RunningInstance(
        tmp_path,
        {
            **instance.environment,
            "DRIFTGATE_STATE": str(tmp_path / "state"),
            "DRIFTGATE_AIRFLOW_PORT": str(free_ports[0]),
            "DRIFTGATE_WAREHOUSE_PORT": str(free_ports[1]),
            "DRIFTGATE_MAIL_PORT": str(free_ports[2]),
        },
    )
    # Tests that run in a shell's background ignore ctrl-C, and what they start would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        starting = subprocess.Popen([COMMAND, "up"], env=other.environment, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 60
    while len(other.processes()) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(other.processes()) >= 2

    # When
    starting.send_signal(signal.SIGINT)
    starting.communicate(timeout=60)

    # Then
    assert starting.returncode == 130
    assert other.processes() == []
    assert len(instance.processes()) >= len(COMPONENTS)
