"""The services of docker-compose.yaml as processes of this machine: commands, environment and order are the file's.

What a container would have otherwise is replaced: host names and ports by free ports of the loopback address, volumes
by folders below one root, the images of PostgreSQL and Redis by Debian's programs.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
from debian_postgres import DebianPostgres, postgres_programs

from include.commands.airflow_api import AirflowApi
from include.commands.local import health
from include.commands.local.processes import ProcessFolder, StartedProcess
from include.config import PROJECT_ROOT
from tests.compose.compose_file import ComposeFile

LOOPBACK = "127.0.0.1"
PORTS = {"postgres": 5432, "redis": 6379, "warehouse": 8765, "mail-catcher": 8025, "api-server": 8080}
"""Where the services listen in their containers."""
PATIENCE_S = 240.0
_POLL_S = 0.5

SHORTENED = {
    # As docker-compose.yaml says it, but for a test that waits for it.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    # A container knows its name; to look up that of this machine may take seconds.
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "include.commands.local.loopback.hostname",
}


def missing_programs() -> str | None:
    """Say what this machine lacks for these services, None if nothing."""
    missing = [] if postgres_programs() else ["postgresql"]
    missing += [] if shutil.which("redis-server") and shutil.which("redis-cli") else ["redis-server"]
    return f"{' and '.join(missing)} not installed: apt-get install {' '.join(missing)}" if missing else None


@dataclass(frozen=True)
class CeleryInstance:
    """The services of docker-compose.yaml, and N workers.

    Args:
        root: A folder for all that they keep.
        ports: The ports of this machine that stand for those of PORTS.
        variables: What .env would hold.
        workers: The names of the workers.
    """

    root: Path
    ports: Mapping[str, int]
    variables: Mapping[str, str]
    workers: Sequence[str] = ("worker-1", "worker-2")
    _well: set[str] = field(default_factory=set)

    @cached_property
    def compose(self) -> ComposeFile:
        return ComposeFile.read(PROJECT_ROOT / "docker-compose.yaml").filled_in(self.variables)

    @cached_property
    def postgres(self) -> DebianPostgres:
        return DebianPostgres(LOOPBACK, self.ports["postgres"])

    @property
    def processes(self) -> ProcessFolder:
        return ProcessFolder(self.root / "run", self.root / "logs")

    @property
    def pipelines(self) -> Path:
        return self.root / "pipelines"

    @property
    def images(self) -> Path:
        return Path(self.variables["IMAGES_FOLDER"])

    @property
    def airflow_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports['api-server']}"

    @property
    def task_logs(self) -> Path:
        return self.root / "state" / "logs" / "tasks"

    @property
    def services(self) -> set[str]:
        """The services that `docker compose up` starts."""
        return {name for name, service in self.compose.services.items() if not service.get("profiles")}

    def start(self, wanted: Iterable[str]) -> None:
        """Start each service as soon as what it waits for (`depends_on`) is well; return once those wanted are."""
        if not self._well:
            for folder in ("logs", "mails", "secrets", "store", "warehouse", "queue"):
                (self.root / "state" / folder).mkdir(parents=True)
            given = self.compose.environment("postgres")
            self.postgres.make(
                user=given["POSTGRES_USER"], password=given["POSTGRES_PASSWORD"], database=given["POSTGRES_DB"]
            )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for service in sorted(self.services):
                if self._well.issuperset(self.compose.services[service].get("depends_on") or {}):
                    self._start_service(service)
            if self._well.issuperset(wanted):
                return
            assert time.monotonic() < deadline, f"not well in time: {set(wanted) - self._well}; see {self.root}"
            time.sleep(_POLL_S)
            for service in sorted(self.services - self._well):
                processes = [process for process in self.processes_of(service) if self.processes.find(process)]
                if processes and all(self._is_well(process, service) for process in processes):
                    self._well.add(service)

    def processes_of(self, service: str) -> Sequence[str]:
        """Return the names of a service's processes."""
        return self.workers if service == "worker" else [service]

    def down(self) -> None:
        """End everything, those that others lean on last."""
        airflow = ["scheduler", "dag-processor", "triggerer", *self.workers]
        for group in (airflow, ["api-server", "init"], ["warehouse", "mail-catcher"], ["redis", "postgres"]):
            self.processes.stop(group, grace_s=5)
        self.postgres.remove()

    def _start_service(self, service: str) -> None:
        for process in self.processes_of(service):
            if not self.processes.find(process):
                command, environment = self.command(process, service), self.environment(process, service)
                self.processes.start(process, command, environment=environment, cwd=PROJECT_ROOT)

    def command(self, process: str, service: str) -> list[str]:
        """Return what starts a service."""
        if service == "postgres":
            return self.postgres.command()
        words = [self._here(word, process) for word in self.compose.services[service]["command"]]
        if service == "redis":
            given = f"- <<CONFIG\nport {self.ports[service]}\nbind {LOOPBACK}\n"
            return [
                word.replace("- <<CONFIG\n", given).replace("/data", str(self.root / "state" / "queue"))
                for word in words
            ]
        if service == "worker":
            # On one machine they need names; a container has its own.
            words += ["--celery-hostname", process]
        return _with_this_python(words)

    def environment(self, process: str, service: str) -> dict[str, str]:
        """Return a service's environment: that of the file, and what the image or the container would give it."""
        programs = [str(Path(sys.executable).parent), str(self.postgres.programs), os.environ.get("PATH", os.defpath)]
        given = self.compose.environment(service)
        shortened = SHORTENED if "AIRFLOW__CORE__EXECUTOR" in given else {}
        return {
            "PATH": os.pathsep.join(programs),
            "HOME": str(Path.home()),
            "PYTHONPATH": str(PROJECT_ROOT),
            "PYTHONUNBUFFERED": "1",
            "AIRFLOW_HOME": str(self.root / "airflow" / process),
            "NO_PROXY": LOOPBACK,
            "no_proxy": LOOPBACK,
            "PGPORT": str(self.ports["postgres"]),
            **{name: self._here(value, process) for name, value in given.items()},
            **shortened,
        }

    def driftgate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command as `docker compose run --rm driftgate …` does, and check that it went well."""
        entrypoint = _with_this_python(self.compose.services["driftgate"]["entrypoint"])
        done = subprocess.run(
            [*entrypoint, *arguments],
            env=self.environment("driftgate", "driftgate"),
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.driftgate(*arguments, "--json").stdout)

    def log_in(self) -> AirflowApi:
        password = self.variables["ADMIN_PASSWORD"]
        return AirflowApi.log_in(self.airflow_url, user="admin", password=password, start_hint="the test starts it")

    def worker_of(self, pid: int) -> StartedProcess | None:
        """Return the worker that a task's process belongs to."""
        return next((worker for worker in self.running_workers() if pid in {p.pid for p in worker.members()}), None)

    def running_workers(self) -> list[StartedProcess]:
        return [worker for name in self.workers if (worker := self.processes.find_running(name))]

    def _is_well(self, process: str, service: str) -> bool:
        if service == "init":
            return self._has_ended_well(process)
        assert self.processes.find_running(process), f"{process} ended:\n{self.processes.tail(process, lines=40)}"
        kind, *test = self.compose.services[service]["healthcheck"]["test"]
        words = [self._here(word, process) for word in test]
        if service == "redis":
            words = [word.replace("redis-cli", f"redis-cli -p {self.ports[service]}") for word in words]
        if service == "worker":
            words.append(process)
        if words[:3] == ["python", "-m", "include.commands.local.health"]:
            # In this process: each start of Python takes a second of a core that the services need.
            with mock.patch.dict(os.environ, self.environment(process, service)):
                return health.main(words[3:]) == 0
        done = subprocess.run(
            ["sh", "-c", *words] if kind == "CMD-SHELL" else words,
            env=self.environment(process, service),
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode == 0

    def _has_ended_well(self, process: str) -> bool:
        started = self.processes.find(process)
        assert started is not None
        try:
            code = psutil.Process(started.pid).wait(timeout=0.01)
        except psutil.TimeoutExpired:
            return False
        assert code == 0, f"{process} ended with {code}:\n{self.processes.tail(process, lines=40)}"
        return True

    def _here(self, text: str, process: str) -> str:
        """Return a text of the file with what it names as this machine has it."""
        if text == "0.0.0.0":  # noqa: S104  what is replaced
            return LOOPBACK
        for service, port in PORTS.items():
            here = str(self.ports[service])
            if text == str(port):
                return here
            text = re.sub(
                rf"(?<![\w-])({re.escape(service)}|{re.escape(LOOPBACK)}):{port}\b", f"{LOOPBACK}:{here}", text
            )
            text = text.replace(f'"host": "{service}", "port": {port}', f'"host": "{LOOPBACK}", "port": {here}')
        text = text.replace("/var/lib/driftgate/airflow", str(self.root / "airflow" / process))
        text = text.replace("/var/lib/driftgate", str(self.root / "state"))
        return text.replace("/opt/driftgate/pipelines", str(self.pipelines)).replace(
            "/opt/driftgate", str(PROJECT_ROOT)
        )


@contextmanager
def all_stopped(workers: Sequence[StartedProcess]) -> Iterator[None]:
    """Stop workers for a while, with all that they started."""
    try:
        for worker in workers:
            _send(signal.SIGSTOP, worker)
        yield
    finally:
        for worker in workers:
            _send(signal.SIGCONT, worker)


def kill(worker: StartedProcess) -> None:
    """End a worker and all that it started at once, as the end of its container would."""
    _send(signal.SIGKILL, worker)
    psutil.Process(worker.pid).wait(timeout=10)


def _send(number: signal.Signals, worker: StartedProcess) -> None:
    for process in worker.members():
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _with_this_python(words: Sequence[str]) -> list[str]:
    return [sys.executable if word == "python" else word for word in words]
