"""Debian's Chromium: where it is, and how it comes there."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PROGRAM_VARIABLE = "DRIFTGATE_CHROMIUM"
"""Another one's path."""
_APT_TIMEOUT_S = 300


class ChromiumMissingError(Exception):
    """There is no Chromium, and none can be installed."""


def chromium_program() -> str:
    """Return the path of Chromium, which is installed from Debian's archive where that is allowed.

    Raises:
        ChromiumMissingError: There is none.
    """
    chosen = os.environ.get(PROGRAM_VARIABLE)
    program = chosen or _find() or _install()
    if shutil.which(program) is None:
        raise ChromiumMissingError(f"{PROGRAM_VARIABLE}: {program} is no program")
    return program


@contextmanager
def browser(program: str) -> Iterator[Browser]:
    """Run Chromium without a window."""
    # its sandbox refuses to work for root, whom containers are
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=arguments)
        yield running
        running.close()


def _find() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def _install() -> str:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ChromiumMissingError(f"no Chromium: `make ui-browser` installs it, or {PROGRAM_VARIABLE} names another")
    command = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_APT_TIMEOUT_S)
    except (subprocess.SubprocessError, OSError) as error:
        raise ChromiumMissingError(f"no Chromium, and {' '.join(command)} failed: {error}") from error
    found = _find()
    if found is None:
        raise ChromiumMissingError(f"{' '.join(command)} has brought no Chromium")
    return found
