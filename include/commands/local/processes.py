"""Processes that outlive the command: started in a session of their own, found again, ended with all that they started.

A process is known by its pid and by when it was started, so that another one that was given its id later is left alone.

A process that a component starts (a worker, a task) may leave the component's process group, but not its session:
the session is what is ended.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from include.errors import CommandError

_TAIL_BYTES = 16_384
_MARK_VARIABLE = "DRIFTGATE_PROCESS"
"""The variable by which what a process started is known to be its own."""


class _Start(NamedTuple):
    """When a process was started, in a form that a change of the clock does not touch."""

    boot: str
    """Which start of the machine it belongs to."""
    ticks: str
    """When it was started, counted from there."""


@dataclass(frozen=True)
class StartedProcess:
    """A process that was started, as its file tells.

    Args:
        name: What it is, e.g. scheduler.
        pid: Its id, which is also its session's.
        start: When it was started.
        mark: What it has in its environment, and all that it started too.
    """

    name: str
    pid: int
    start: _Start
    mark: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it still runs: this very process, not another one that was given its id."""
        try:
            return _start_of(self.pid) == self.start and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def members(self) -> list[psutil.Process]:
        """Return the living processes of its session: itself and what it started, even if it has ended itself.

        An id is not given to a new process as long as it is a living session's. Once the whole session has ended it may
        be, and that session's leader may have ended, too: then only the mark tells that a process is ours.
        """
        leader = _start_of(self.pid)
        if self.start.boot != _boot() or leader not in {self.start, None}:
            return []
        return [process for process in psutil.process_iter() if self._has_member(process, by_mark=leader is None)]

    def _has_member(self, process: psutil.Process, *, by_mark: bool) -> bool:
        try:
            if os.getsid(process.pid) != self.pid or process.status() == psutil.STATUS_ZOMBIE:
                return False
            return not by_mark or (bool(self.mark) and process.environ().get(_MARK_VARIABLE) == self.mark)
        except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError, PermissionError):
            return False


@dataclass(frozen=True)
class ProcessFolder:
    """The files that tell which processes were started, one JSON file each.

    Args:
        path: The folder of these files.
        logs: The folder of the processes' log files.
    """

    path: Path
    logs: Path

    def log_file(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.logs / f"{name}.log"

    def find(self, name: str) -> StartedProcess | None:
        """Return the process that was started under this name, whether or not it still runs."""
        try:
            content = json.loads(self._file(name).read_text(encoding="utf-8"))
            return StartedProcess(name, int(content["pid"]), _Start(**content["start"]), str(content["mark"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def find_running(self, name: str) -> StartedProcess | None:
        """Return the process of this name if it runs."""
        process = self.find(name)
        return process if process and process.is_running else None

    def start(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], cwd: Path) -> StartedProcess:
        """Start a process that stays when we end, with its output appended to its log file.

        Raises:
            CommandError: The program cannot be started.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        mark = secrets.token_hex(16)
        # Ctrl-C between the birth of the process and its file: nobody would know of it.
        with _interrupt_deferred(), self.log_file(name).open("ab") as log:
            log.write(f"--- {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} start of {name}\n".encode())
            log.flush()
            try:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**environment, _MARK_VARIABLE: mark},
                    cwd=cwd,
                    start_new_session=True,
                )
            except OSError as error:
                raise CommandError(f"{name}: {command[0]} cannot be started ({error.strerror})") from error
            try:
                return self._record(name, child.pid, mark)
            except BaseException:
                child.kill()
                raise

    def _record(self, name: str, pid: int, mark: str) -> StartedProcess:
        """Write down what was started."""
        process = StartedProcess(name, pid, _start_of(pid) or _Start(_boot(), "ended at once"), mark)
        content = {"pid": pid, "start": process.start._asdict(), "mark": mark}
        partial = self._file(name).with_suffix(".partial")
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(self._file(name))
        return process

    def stop(self, names: Iterable[str], *, grace_s: float) -> list[str]:
        """End processes with all that they started: politely, and after a grace period by force.

        Args:
            names: Which ones; all of them are asked at once.
            grace_s: How long they have to end by themselves, in seconds.

        Returns:
            The names of those of which something ran.
        """
        sessions = [process for name in names if (process := self.find(name))]
        running = {process.name: process.members() for process in sessions}
        _send(signal.SIGTERM, [member for members in running.values() for member in members])
        psutil.wait_procs([member for members in running.values() for member in members], timeout=grace_s)
        # What was started after the first look is in the second.
        left = [member for process in sessions for member in process.members()]
        _send(signal.SIGKILL, left)
        psutil.wait_procs(left, timeout=10)
        for process in sessions:
            self._file(process.name).unlink(missing_ok=True)
        return [name for name, members in running.items() if members]

    def tail(self, name: str, *, lines: int = 15) -> str:
        """Return the last lines of a process's log."""
        try:
            content = self.log_file(name).read_bytes()[-_TAIL_BYTES:]
        except FileNotFoundError:
            return ""
        return "\n".join(content.decode(errors="replace").splitlines()[-lines:])

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.json"


@contextmanager
def _interrupt_deferred() -> Iterator[None]:
    """Let ctrl-C take effect at the end, not in the middle. Only the main thread is ever interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        raise KeyboardInterrupt


def _send(number: signal.Signals, processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        try:
            process.send_signal(number)  # psutil looks at the start time again before it sends
        except psutil.NoSuchProcess:
            continue


def _boot() -> str:
    boot_id = Path("/proc/sys/kernel/random/boot_id")
    return boot_id.read_text(encoding="ascii").strip() if boot_id.exists() else f"{psutil.boot_time():.0f}"


def _start_of(pid: int) -> _Start | None:
    """Return when the process that has this id now was started, None if there is none."""
    if sys.platform != "linux":
        try:
            return _Start(_boot(), f"{psutil.Process(pid).create_time():.2f}")
        except psutil.NoSuchProcess:
            return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return _Start(_boot(), fields[19])  # starttime, the 22nd field (man 5 proc_pid_stat), in clock ticks since boot
