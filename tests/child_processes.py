"""Child processes for tests that kill them.

Each is forked from one process that has imported, once, what takes seconds to import, and that has neither the threads
nor the connections of the tests.
"""

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

_IMPORTED_AHEAD = ["pytest", "tests.disturbed_tasks", "tests.tasks_in_processes"]
_PATIENCE_S = 120

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_IMPORTED_AHEAD)


def die() -> NoReturn:
    """End this process as `kill -9` does: no handler and no `finally` runs."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives this")


def was_killed(work: Callable[..., object], *arguments: Any, errors: Path) -> bool:
    """Call a function in a child process; return whether it was killed, which is what it may do to itself.

    Args:
        work: A function of a module.
        *arguments: What it is called with.
        errors: A file for what goes wrong there, which fails the test.
    """
    process = _context.Process(target=_call, args=(work, arguments, errors, dict(os.environ)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))  # for the imports ahead
        process.start()
    process.join(_PATIENCE_S)
    if process.exitcode not in (0, -signal.SIGKILL):
        process.kill()
        pytest.fail(f"the child process ended with {process.exitcode}: {errors.read_text() if errors.exists() else ''}")
    return process.exitcode != 0


def _call(work: Callable[..., object], arguments: tuple[Any, ...], errors: Path, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    try:
        work(*arguments)
    except BaseException:
        errors.write_text(traceback.format_exc())
        raise
