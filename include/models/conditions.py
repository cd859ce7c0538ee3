"""What decides, besides images and config, to which weights a training comes: how and on what it was computed."""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch

from include.handover import Handover
from include.models.compute import Compute
from include.models.start import StartedFrom

_CPU_INFO = Path("/proc/cpuinfo")
_MODEL_NAME = "model name"


@dataclass(frozen=True, kw_only=True)
class TrainingConditions(Handover):
    """How and on what a network was trained. The same snapshot and config give the same weights under the same ones."""

    compute: Compute
    torch_version: str
    processor: str
    """The processor's name and the instructions that torch uses on it; with CUDA the GPU's name."""
    preprocessing_digest: str
    """How the pixels were made: a release may make others of the same config."""
    start: StartedFrom | None = None
    """The version whose weights it started from; None: it was from scratch."""
    n_processes: int = 1
    """How many have trained it together: each takes a part of every batch."""

    @classmethod
    def here(
        cls, compute: Compute, *, preprocessing_digest: str, start: StartedFrom | None = None, n_processes: int = 1
    ) -> Self:
        """Return the conditions of a training in this process.

        Args:
            compute: How it computes.
            preprocessing_digest: Of its pixels.
            start: The version whose weights it starts from.
            n_processes: How many train it together.
        """
        return cls(
            compute=compute,
            torch_version=str(torch.__version__),
            processor=_processor(compute),
            preprocessing_digest=preprocessing_digest,
            start=start,
            n_processes=n_processes,
        )

    def differences(self, original: Self) -> tuple[str, ...]:
        """Say in what these conditions are others than those of an earlier training."""
        pairs = (
            ("torch", original.torch_version, self.torch_version),
            ("computed on", str(original.compute), str(self.compute)),
            ("processor", original.processor, self.processor),
            ("pixels of preprocessing", original.preprocessing_digest[:12], self.preprocessing_digest[:12]),
            ("processes", str(original.n_processes), str(self.n_processes)),
            ("started from", str(original.start or "scratch"), str(self.start or "scratch")),
        )
        return tuple(f"{what} {now}, then {before}" for what, before, now in pairs if before != now)


def is_available(compute: Compute) -> bool:
    """Whether this machine can compute so."""
    return compute.device == "cpu" or torch.cuda.is_available()


def _processor(compute: Compute) -> str:
    if compute.device == "cuda":
        return str(torch.cuda.get_device_name())
    return f"{_cpu_name()} ({torch.backends.cpu.get_cpu_capability()})"


def _cpu_name() -> str:
    """Return the processor's name; Python itself knows only its family on Linux."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(_MODEL_NAME)]
    return names[0] if names else platform.processor() or platform.machine()
