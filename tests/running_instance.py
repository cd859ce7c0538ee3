"""Local instances that run while several tests look at them."""

import json
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from include.commands.airflow_api import AirflowApi
from include.commands.local.processes import ProcessFolder
from include.commands.local.state import LocalState
from include.config import PROJECT_ROOT

COMMAND = PROJECT_ROOT / "driftgate"
COMPONENTS = ["warehouse", "mail-catcher", "scheduler", "dag-processor", "api-server"]


def users_environment() -> dict[str, str]:
    """Return the environment without what the tests have put into it: a user's Airflow has all threads."""
    tests_own = ("AIRFLOW", "DRIFTGATE_", "OMP_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(tests_own)}


def unused_ports(n: int) -> list[int]:
    """Return ports of this machine on which nobody listens."""
    sockets = [socket.socket() for _ in range(n)]
    try:
        for candidate in sockets:
            candidate.bind(("127.0.0.1", 0))
        return [candidate.getsockname()[1] for candidate in sockets]
    finally:
        for candidate in sockets:
            candidate.close()


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

    def driftgate(self, *arguments: str, expect: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a user does, from another folder, and check its exit code."""
        done = subprocess.run(
            [COMMAND, *arguments],
            env={**self.environment, **variables},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
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

    def kill(self, component: str) -> psutil.Process:
        """End a component as a crash would: by SIGKILL, and only its first process."""
        started = ProcessFolder(self.state.processes, self.state.logs).find_running(component)
        assert started is not None
        process = psutil.Process(started.pid)
        process.kill()
        process.wait(timeout=10)
        return process

    def processes(self) -> list[psutil.Process]:
        """Return every process that has a file of this instance open (its log, above all), whoever started it."""
        return [process for process in psutil.process_iter() if self._uses(process)]

    def _uses(self, process: psutil.Process) -> bool:
        try:
            opened = [str(link.readlink()) for link in Path(f"/proc/{process.pid}/fd").iterdir()]
        except OSError:
            return False
        return any(path.startswith(str(self.state.root)) for path in opened)

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
