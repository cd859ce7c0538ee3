"""One running instance for all end-to-end tests: the real warehouse, scheduler, DAG processor and API server.

It is started and ended by the command itself, on free ports, in a temporary folder. A test that needs a pipeline of its
own writes its file into `instance.pipelines` and its images anywhere, and waits for nothing: `driftgate train` does.
"""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from include.commands.airflow_api import AirflowApi
from include.commands.local.state import LocalState
from include.config import PROJECT_ROOT

COMMAND = PROJECT_ROOT / "driftgate"
COMPONENTS = ["warehouse", "scheduler", "dag-processor", "api-server"]


@dataclass(frozen=True)
class RunningInstance:
    """A local instance that runs for the whole test session."""

    root: Path
    environment: dict[str, str]

    @property
    def state(self) -> LocalState:
        return LocalState(self.root / "state")

    @property
    def pipelines(self) -> Path:
        return self.root / "pipelines"

    def driftgate(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the command as a user does, and check its exit code."""
        done = subprocess.run(
            [COMMAND, *arguments], env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str) -> Any:
        """Run the command with --json, and return its result."""
        return json.loads(self.driftgate(*arguments, "--json").stdout)

    def log_in(self, user: str) -> AirflowApi:
        """Return a client that is logged in as `admin` or `viewer`."""
        password = self.state.secret("admin_password" if user == "admin" else "viewer_password")
        url = self.state.read_settings().airflow_url
        return AirflowApi.log_in(url, user=user, password=password, start_hint="the fixture starts it")

    def processes(self) -> list[psutil.Process]:
        """Return every process that was started in this instance's name, by whatever way."""
        mine = f"DRIFTGATE_STORE={self.state.store}"
        found = []
        for process in psutil.process_iter():
            try:
                environment = Path(f"/proc/{process.pid}/environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if mine in environment.split("\0"):
                found.append(process)
        return found

    def write_pipeline(self, name: str, **fields: Any) -> None:
        """Write a pipeline file (JSON is YAML) whose stages are the folders NAME/train and NAME/new."""
        images = self.root / "images" / name
        pipeline = {
            "name": name,
            "stages": {
                "training": {"name": "TRAINING_IMAGES", "url": f"file://{images}/train/"},
                "incoming": {"name": "INCOMING_IMAGES", "url": f"file://{images}/new/"},
            },
            "schedule": None,
            **fields,
        }
        self.pipelines.mkdir(parents=True, exist_ok=True)
        (self.pipelines / f"{name}.yaml").write_text(json.dumps(pipeline), encoding="utf-8")

    def images(self, name: str, stage: str) -> Path:
        return self.root / "images" / name / stage


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInstance]:
    """The running instance, with the pipelines `digits` (ready to train), `empty` (no folders) and a wrong file."""
    root = tmp_path_factory.mktemp("instance")
    airflow_port, warehouse_port = _free_ports(2)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "DRIFTGATE_"))},
        "DRIFTGATE_STATE": str(root / "state"),
        "DRIFTGATE_PIPELINES": str(root / "pipelines"),
        "DRIFTGATE_AIRFLOW_PORT": str(airflow_port),
        "DRIFTGATE_WAREHOUSE_PORT": str(warehouse_port),
    }
    running = RunningInstance(root, environment)
    _write_inputs(running)
    try:
        started = running.json("up")
        assert started["started"] == COMPONENTS
        yield running
        # The last test of all: `down` ends what was started, with all that this started.
        ran = running.processes()
        told = running.driftgate("down").stdout
        assert len(ran) >= len(COMPONENTS)
        assert all(name in told for name in COMPONENTS)
        assert running.processes() == []
    finally:
        running.driftgate("down")


def _write_inputs(running: RunningInstance) -> None:
    from include.commands.local.digits import write_digits

    running.write_pipeline(
        "digits",
        preprocessing={"size": 16},
        training={"n_epochs": 6, "batch_size": 32, "horizontal_flip": False},
        gate={"min_accuracy": 0.5},
    )
    running.write_pipeline("empty")
    (running.pipelines / "wrong.yaml").write_text("name: wrong\nmodel: {architecture: resnet1}\n", encoding="utf-8")
    write_digits(running.images("digits", "train"), running.images("digits", "new"), n_training=400, n_new=50)


def _free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    try:
        for candidate in sockets:
            candidate.bind(("127.0.0.1", 0))
        return [candidate.getsockname()[1] for candidate in sockets]
    finally:
        for candidate in sockets:
            candidate.close()
