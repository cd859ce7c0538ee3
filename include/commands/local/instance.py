"""Start and stop a local instance: the embedded warehouse, a mail catcher and Airflow's three processes."""

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata

import httpx
import psutil

from include.commands.local.environment import LOOPBACK, process_environment
from include.commands.local.ports import answers, holder_of, is_free, takes_mails
from include.commands.local.processes import ProcessFolder, StartedProcess
from include.commands.local.state import WAREHOUSE_USER, LocalState, Settings
from include.config import PROJECT_ROOT
from include.errors import CommandError

WAREHOUSE = "warehouse"
MAIL_CATCHER = "mail-catcher"
SCHEDULER = "scheduler"
DAG_PROCESSOR = "dag-processor"
API_SERVER = "api-server"
COMPONENTS = (WAREHOUSE, MAIL_CATCHER, SCHEDULER, DAG_PROCESSOR, API_SERVER)
_NOT_AIRFLOWS = frozenset({WAREHOUSE, MAIL_CATCHER})
_MIGRATION = "db-migrate"

START_PATIENCE_S = 180.0
STOP_GRACE_S = 10.0
_POLL_S = 0.2

_AFTER_MIGRATION = (SCHEDULER, DAG_PROCESSOR)
_STOP_ORDER = ((_MIGRATION, SCHEDULER, DAG_PROCESSOR), (API_SERVER,), (WAREHOUSE, MAIL_CATCHER))
"""A task that is ended tells the API server, rolls back in the warehouse and may send a mail: they go last."""

_PORT_OPTIONS = {
    WAREHOUSE: "--warehouse-port N or DRIFTGATE_WAREHOUSE_PORT=N",
    MAIL_CATCHER: "--mail-port N or DRIFTGATE_MAIL_PORT=N",
    API_SERVER: "--airflow-port N or DRIFTGATE_AIRFLOW_PORT=N",
}

Say = Callable[[str], None]


@dataclass(frozen=True)
class LocalInstance:
    """The processes of one state.

    Args:
        state: Where they keep what they keep.
        settings: Their ports and the folder of the pipeline files.
        say: Called with a line for each step.
    """

    state: LocalState
    settings: Settings
    say: Say

    @property
    def processes(self) -> ProcessFolder:
        """The files that tell what was started."""
        return ProcessFolder(self.state.processes, self.state.logs)

    def running(self) -> tuple[str, ...]:
        """Return the names of the components that run."""
        return tuple(name for name in COMPONENTS if self.processes.find_running(name))

    def up(self) -> tuple[str, ...]:
        """Start what does not run, and wait until all of it is ready. If that fails, end what was started here.

        Returns:
            The names of the components that were started.

        Raises:
            CommandError: A port is taken, a process ended or was not ready in time; the message has its last log lines.
        """
        with self.state.locked():
            missing = [name for name in COMPONENTS if name not in self.running()]
            self._refuse_other_ports(missing)
            self.processes.stop(missing, grace_s=STOP_GRACE_S)  # what is left of one that was killed
            self.refuse_taken_ports(missing)
            self.state.keep_settings(self.settings)
            self.state.write_airflow_passwords()
            with self._ended_on_failure(missing):
                self._start(missing)
        return tuple(missing)

    def down(self) -> tuple[str, ...]:
        """End what was started, and what that started.

        Returns:
            The names of the components that ran.
        """
        with self.state.locked():
            return tuple(self._stop(COMPONENTS))

    def _start(self, missing: Sequence[str]) -> None:
        started = time.monotonic()
        since = datetime.now(UTC)
        at_once = [name for name in missing if name not in _AFTER_MIGRATION]
        for name in at_once:
            self._start_component(name)
        if set(missing) - _NOT_AIRFLOWS:
            self._migrate()
        for name in missing:
            if name not in at_once:
                self._start_component(name)
        waiting = list(missing)
        while waiting:
            for name in self._ready(waiting, since):
                waiting.remove(name)
                self.say(f"{name} is ready ({time.monotonic() - started:.1f} s)")
            for name in missing:
                self._refuse_ended(name)
            if waiting and time.monotonic() - started > START_PATIENCE_S:
                raise CommandError(
                    f"{', '.join(waiting)}: not ready after {START_PATIENCE_S:.0f} s; the logs are in {self.state.logs}"
                )
            time.sleep(_POLL_S if waiting else 0)

    def _start_component(self, name: str) -> StartedProcess:
        return self.processes.start(
            name,
            self.command(name),
            environment=process_environment(self.state, self.settings),
            cwd=PROJECT_ROOT,
        )

    def command(self, name: str) -> list[str]:
        """Return what starts a component."""
        if name == WAREHOUSE:
            options: dict[str, object] = {
                "--root": self.state.warehouse,
                "--host": LOOPBACK,
                "--port": self.settings.warehouse_port,
                "--user": WAREHOUSE_USER,
                "--password-file": self.state.secret_file("warehouse_password"),
            }
            return _python_module("include.warehouse.embedded", options)
        if name == MAIL_CATCHER:
            options = {"--host": LOOPBACK, "--port": self.settings.mail_port, "--folder": self.state.mails}
            return _python_module("include.commands.local.mail_catcher", options)
        if name == API_SERVER:
            # What `airflow api-server` runs, which itself would refuse to start before the database is migrated.
            address = ["--host", LOOPBACK, "--port", str(self.settings.airflow_port)]
            return [sys.executable, "-m", "uvicorn", "airflow.api_fastapi.main:app", *address, "--no-access-log"]
        if name == SCHEDULER:
            return [sys.executable, "-m", "include.commands.local.preloaded", "scheduler", "--skip-serve-logs"]
        airflow = {_MIGRATION: ["db", "migrate"], DAG_PROCESSOR: ["dag-processor"]}
        return [sys.executable, "-m", "airflow", *airflow[name]]

    def _migrate(self) -> None:
        """Bring Airflow's database to the form of the installed Airflow, unless it was done for this one."""
        done = self.state.airflow_home / "migrated-for"
        version = metadata.version("apache-airflow-core")
        if done.exists() and done.read_text(encoding="utf-8") == version:
            return
        started = time.monotonic()
        migration = self._start_component(_MIGRATION)
        code = _wait_for_end(migration)
        if code is None and migration.is_running:
            raise CommandError(
                f"Airflow's database was not ready after {START_PATIENCE_S:.0f} s: look into {self.state.logs}"
            )
        if code != 0:
            raise self._ended(_MIGRATION)
        self.processes.stop([_MIGRATION], grace_s=STOP_GRACE_S)
        done.write_text(version, encoding="utf-8")
        self.say(f"Airflow's database is ready ({time.monotonic() - started:.1f} s)")

    def _ready(self, names: Sequence[str], since: datetime) -> list[str]:
        """Return those components that are ready."""
        heartbeats = _airflow_heartbeats(self.settings) if set(names) - _NOT_AIRFLOWS else None
        ready = []
        for name in names:
            if name == WAREHOUSE:
                is_ready = answers(
                    f"http://{LOOPBACK}:{self.settings.warehouse_port}/healthz", timeout_s=START_PATIENCE_S
                )
            elif name == MAIL_CATCHER:
                is_ready = takes_mails(self.settings.mail_port)
            elif name == API_SERVER:
                # The part that tasks talk to is built at its first request, for seconds in which it answers nobody.
                is_ready = answers(f"{self.settings.airflow_url}/execution/health", timeout_s=START_PATIENCE_S)
            else:
                # The heartbeat of a process that was killed looks healthy for half a minute.
                is_ready = heartbeats is not None and heartbeats.get(name, since) > since
            if is_ready:
                ready.append(name)
        return ready

    def _refuse_ended(self, name: str) -> None:
        if not self.processes.find_running(name):
            raise self._ended(name)

    def _ended(self, name: str) -> CommandError:
        return CommandError(
            f"{name} ended while it started; its last lines:\n{self.processes.tail(name)}\n"
            f"The whole log: {self.processes.log_file(name)}"
        )

    def _refuse_other_ports(self, missing: Sequence[str]) -> None:
        """Refuse ports other than those that the running components have."""
        kept = self.state.read_kept_settings()
        running = set(COMPONENTS) - set(missing)
        if running and kept and kept != self.settings:
            raise CommandError(
                f"{', '.join(sorted(running))} run on ports {kept.airflow_port} (Airflow), {kept.warehouse_port} "
                f"(warehouse) and {kept.mail_port} (mail catcher) with the pipelines of {kept.pipelines}: "
                "'./driftgate down' first to change that"
            )

    def refuse_taken_ports(self, missing: Sequence[str] = COMPONENTS) -> None:
        """Make sure that the ports of components that are to be started are free.

        Raises:
            CommandError: One is not; the message says who has it, and how to choose another.
        """
        ports = {
            WAREHOUSE: self.settings.warehouse_port,
            MAIL_CATCHER: self.settings.mail_port,
            API_SERVER: self.settings.airflow_port,
        }
        for name, other in itertools.combinations(ports, 2):
            if ports[name] == ports[other]:
                raise CommandError(f"port {ports[name]} cannot be both the {name}'s and the {other}'s")
        for name, port in ports.items():
            if name in missing and not is_free(port):
                raise CommandError(
                    f"port {port} for the {name} is in use{holder_of(port)}: end that, or choose another by "
                    f"{_PORT_OPTIONS[name]}"
                )

    @contextmanager
    def _ended_on_failure(self, names: Sequence[str]) -> Iterator[None]:
        try:
            yield
        except BaseException:  # ctrl-C above all
            self._stop(names)
            raise

    def _stop(self, names: Sequence[str]) -> list[str]:
        stopped = []
        for group in _STOP_ORDER:
            wanted = [name for name in group if name in names or name == _MIGRATION]
            stopped += [name for name in self.processes.stop(wanted, grace_s=STOP_GRACE_S) if name in names]
        return stopped


def _wait_for_end(process: StartedProcess) -> int | None:
    """Wait for a child to end and return its exit code."""
    try:
        return psutil.Process(process.pid).wait(timeout=START_PATIENCE_S)
    except psutil.NoSuchProcess:
        return None
    except psutil.TimeoutExpired:
        return None


def _python_module(module: str, options: Mapping[str, object]) -> list[str]:
    """Return the command that runs a module of ours with its options."""
    return [sys.executable, "-m", module, *(str(part) for option in options.items() for part in option)]


def _airflow_heartbeats(settings: Settings) -> dict[str, datetime] | None:
    """Return when the processes behind the API server were last alive; None if it does not answer."""
    try:
        answer = httpx.get(f"{settings.airflow_url}/api/v2/monitor/health", timeout=START_PATIENCE_S, trust_env=False)
        if answer.status_code != httpx.codes.OK:
            return None
        health = answer.json()
    except (httpx.TransportError, ValueError):
        return None
    found = {
        SCHEDULER: health["scheduler"]["latest_scheduler_heartbeat"],
        DAG_PROCESSOR: health["dag_processor"]["latest_dag_processor_heartbeat"],
    }
    return {name: datetime.fromisoformat(at) for name, at in found.items() if at}
