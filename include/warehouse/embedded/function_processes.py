"""Worker processes, each of which runs one Python function; they end when they are idle."""

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

from include.warehouse.embedded.errors import PYTHON_FAILED, SnowflakeError
from include.warehouse.embedded.function_worker import LENGTH
from include.warehouse.embedded.functions import Function

log = logging.getLogger(__name__)

BATCH_S: Final = 180.0
"""How long a worker may take for a batch, as on Snowflake; the first one includes its imports."""
IDLE_S: Final = 300.0
"""How long a worker lives without a call: it holds a network in memory."""
MAX_ROWS: Final = 64
"""The most rows in one batch: so many are answered in time by any network."""

_MAX_WORKERS: Final = 2
_PROGRAM: Final = Path(__file__).with_name("function_worker.py")
_PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "PYTHONHOME", "OMP_NUM_THREADS", "OMP_WAIT_POLICY")
"""What a worker gets of the server's environment, which may hold secrets."""


class Batch(NamedTuple):
    """Rows of arguments, and the files that scoped URLs among them open."""

    rows: Sequence[Sequence[Any]]
    files: Mapping[str, Mapping[str, str]]


class FunctionProcesses:
    """Runs batches in workers, of which there are few at a time.

    Args:
        batch_s: How long a worker may take for a batch.
        idle_s: How long it lives without one.
    """

    def __init__(self, *, batch_s: float = BATCH_S, idle_s: float = IDLE_S) -> None:
        self._batch_s = batch_s
        self._idle_s = idle_s
        self._workers: OrderedDict[str, _Worker] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._reaper: threading.Thread | None = None

    def call(self, function: Function, imports: Sequence[Path], batch: Batch) -> list[str | None]:
        """Return the value of each row, as JSON.

        Raises:
            SnowflakeError: The function raised, took too long, or has ended its process (100357).
        """
        while True:
            worker = self._worker(function, imports)
            try:
                return worker.ask(batch, seconds=self._batch_s)
            except _EndedError:  # it was idle until now
                log.debug("the worker of %s has just ended, another one is started", worker.name)
            finally:
                if not worker.is_alive:
                    self._end(function.identity, worker)

    def close(self) -> None:
        """End all workers."""
        self._closed.set()
        with self._lock:
            workers = list(self._workers.values())
            self._workers.clear()
        for worker in workers:
            worker.kill()
            worker.end()

    def _worker(self, function: Function, imports: Sequence[Path]) -> "_Worker":
        ended: list[_Worker] = []
        with self._lock:
            worker = self._workers.pop(function.identity, None) or _Worker(function, imports)
            self._workers[function.identity] = worker
            while len(self._workers) > _MAX_WORKERS:
                ended.append(self._workers.popitem(last=False)[1])
            if self._reaper is None:
                self._reaper = threading.Thread(target=self._end_idle_ones, name="idle-functions", daemon=True)
                self._reaper.start()
        for old in ended:
            old.end()
        return worker

    def _end(self, identity: str, worker: "_Worker") -> None:
        with self._lock:
            if self._workers.get(identity) is worker:
                del self._workers[identity]
        worker.end()

    def _end_idle_ones(self) -> None:
        while not self._closed.wait(min(self._idle_s, 10.0)):
            with self._lock:
                idle = [item for item in self._workers.items() if item[1].idle_s > self._idle_s]
            for identity, worker in idle:
                log.info("the worker of %s ends: it was idle", worker.name)
                self._end(identity, worker)


class _EndedError(Exception):
    """A worker was asked after its end."""


class _Worker:
    """One process; it answers one batch at a time."""

    def __init__(self, function: Function, imports: Sequence[Path]) -> None:
        self.name = str(function.key)
        self.is_alive = True
        self._lock = threading.Lock()
        self._last_used = time.monotonic()
        self._folder = Path(tempfile.mkdtemp(prefix="driftgate-function-"))
        for path in imports:
            shutil.copyfile(path, self._folder / path.name)
        imports_folder = f"snowflake_import_directory={self._folder}/"
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-X", imports_folder, str(_PROGRAM), function.handler],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self._folder,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        )
        self._requests = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)

    @property
    def idle_s(self) -> float:
        """Seconds since the last batch was done; none while one is answered."""
        return 0.0 if self._lock.locked() else time.monotonic() - self._last_used

    def ask(self, batch: Batch, *, seconds: float) -> list[str | None]:
        """Let it answer a batch.

        Raises:
            SnowflakeError: See `FunctionProcesses.call`.
            _EndedError: It has ended before.
        """
        with self._lock:
            if not self.is_alive:
                raise _EndedError
            timed_out = threading.Event()
            timer = threading.Timer(seconds, self._give_up, [timed_out])
            timer.start()
            try:
                answer = self._exchanged(batch)
            finally:
                timer.cancel()
                self._last_used = time.monotonic()
            self.is_alive = answer is not None
        if answer is None:
            raise _failure(self.name, self._why(seconds, timed_out=timed_out.is_set()))
        if "error" in answer:
            raise _failure(self.name, str(answer["error"]))
        values: list[str | None] = answer["values"]
        return values

    def kill(self) -> None:
        """Let what it does fail at once."""
        self._process.kill()

    def end(self) -> None:
        """End it when it has done what it does."""
        with self._lock:
            self.is_alive = False
            self._process.kill()
            self._process.wait()
            for pipe in (self._requests, self._answers):
                with suppress(OSError):
                    pipe.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _exchanged(self, batch: Batch) -> dict[str, Any] | None:
        """Return what it answers; None: it has ended."""
        content = json.dumps(batch._asdict()).encode()
        try:
            self._requests.write(LENGTH.pack(len(content)) + content)
            self._requests.flush()
            header = self._answers.read(LENGTH.size)
            if len(header) < LENGTH.size:
                return None
            n_bytes: int = LENGTH.unpack(header)[0]
            content = self._answers.read(n_bytes)
        except (OSError, ValueError):  # a pipe that is broken, or was closed
            return None
        if len(content) < n_bytes:
            return None
        answer: dict[str, Any] = json.loads(content)
        return answer

    def _give_up(self, timed_out: threading.Event) -> None:
        timed_out.set()
        self.kill()

    def _why(self, seconds: float, *, timed_out: bool) -> str:
        if timed_out:
            return f"the handler took more than {seconds:g} s for a batch and was ended"
        return_code = self._process.wait()
        how = f"signal {-return_code}" if return_code < 0 else f"exit code {return_code}"
        return f"its process has ended ({how}); the next call starts another one"


def _failure(name: str, reason: str) -> SnowflakeError:
    text = f"Python Interpreter Error:\n{reason} in function {name}"
    return SnowflakeError(text, errno=PYTHON_FAILED, sqlstate="P0000")
