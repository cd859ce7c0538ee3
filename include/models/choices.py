"""What was measured about a model on this machine, kept as a small file for the next process."""

import logging
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import TypeAdapter, ValidationError

from include.errors import StoreError
from include.models.execution import Execution, cpp_compiler
from include.store.files import FileStore, sha256_of_bytes, user_cache

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What decides how fast a way to compute is, and whether it is there at all."""

    processor: str
    n_cores: int
    torch: str
    device: str
    """The name of the GPU, or `cpu`."""
    compiler: str | None
    """What the C++ compiler calls itself; None: there is none."""
    openvino: str | None
    """The release of OpenVINO; None: it is not installed."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is computed."""

    weights_sha256: str
    size: int
    """The side of the images, in pixels."""
    n_at_once: int
    want_features: bool
    free_threads: int
    """How many threads were free when it was measured."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was found about one way to compute."""

    execution: Execution
    images_per_second: float
    """0: it cannot be used."""
    preparation_seconds: float
    """What it takes until the first batch: compiling, or loading what is compiled."""
    refused_because: str | None = None
    """Why it cannot be used: what failed, or that it does not agree."""
    disagrees: bool = False
    """Whether it is for its answers that it cannot be used: another number format may agree."""


class _File(NamedTuple):
    machine: Machine
    subject: Subject
    measured: tuple[Measured, ...]


_FILE = TypeAdapter(_File)


@dataclass(frozen=True, kw_only=True)
class ChoiceCache:
    """Where what was measured about a model is kept.

    It lies on the machine it was measured on, not in the pipeline's store: it is of no use elsewhere, and the compiled
    code beside it is run as it is found, which must not be possible to whoever can write to the store.
    """

    weights_sha256: str
    folder: Path

    @classmethod
    def of_user(cls, weights_sha256: str) -> "ChoiceCache":
        """Return the cache in the user's own cache folder ($XDG_CACHE_HOME, ~/.cache)."""
        return cls(weights_sha256=weights_sha256, folder=user_cache() / "compute")

    @property
    def compiled_folder(self) -> Path:
        """Where code is kept that was compiled for this model on this machine."""
        told = TypeAdapter(tuple[Machine, str]).dump_json((this_machine(), self.weights_sha256))
        return self.folder / "compiled" / sha256_of_bytes(told)[:32]

    def read(self, subject: Subject) -> tuple[Measured, ...]:
        """Return what was measured on this machine; a file that is torn or another's is told and not used."""
        machine = this_machine()
        path = self._path(machine, subject)
        if not path.is_file():
            return ()
        try:
            found = _FILE.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            log.warning("%s is not used, it is measured anew: %s", path, str(error).partition("\n")[0])
            return ()
        if (found.machine, found.subject) != (machine, subject):
            log.warning("%s is not used, it is measured anew: it is about another machine or model", path)
            return ()
        return found.measured

    def write(self, subject: Subject, measured: tuple[Measured, ...]) -> None:
        """Keep what was measured; a folder that cannot be written to costs the next process the measuring."""
        machine = this_machine()
        path = self._path(machine, subject)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            FileStore(str(path.parent)).write(path.name, _FILE.dump_json(_File(machine, subject, measured), indent=1))
        except (OSError, StoreError) as error:
            log.warning("how to compute cannot be kept for the next run: %s", error)

    def _path(self, machine: Machine, subject: Subject) -> Path:
        key = TypeAdapter(tuple[Machine, Subject]).dump_json((machine, subject))
        return self.folder / f"{sha256_of_bytes(key)[:32]}.json"


def this_machine() -> Machine:
    """Return what there is to compute with."""
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return Machine(
        processor=_processor(),
        n_cores=len(affinity),
        torch=torch.__version__,
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        compiler=_compiler(),
        openvino=_release("openvino"),
    )


def _processor() -> str:
    """Return the processor's name, with a digest of what it can: virtual machines hide the former."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split("\t: ", 1) for line in reversed(lines) if "\t: " in line)
    facts = {name.strip(): value for name, value in facts.items()}
    flags = sha256_of_bytes(facts.get("flags", facts.get("Features", "")).encode())[:8]
    return f"{facts.get('model name', platform.machine())} ({flags})"


def _compiler() -> str | None:
    path = cpp_compiler()
    if path is None:
        return None
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout.splitlines() or [""])[0] or None


def _release(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
