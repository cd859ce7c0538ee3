"""What the machine has to compute with."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

_DRIVER = Path("/proc/driver/nvidia/gpus")
_PATIENCE_S = 10


class Machine(NamedTuple):
    """A machine, as far as it matters for a pipeline's settings."""

    n_cores: int
    """Those that this process may use."""
    has_gpu: bool
    """Whether torch can compute on a GPU."""

    def __str__(self) -> str:
        cores = "1 core" if self.n_cores == 1 else f"{self.n_cores} cores"
        return f"{cores} and {'a' if self.has_gpu else 'no'} GPU"


def this_machine() -> Machine:
    """Return this machine. Torch, whose import takes seconds, is only asked where there is a GPU."""
    return Machine(n_cores=len(os.sched_getaffinity(0)), has_gpu=_has_nvidia() and _torch_has_cuda())


def _has_nvidia() -> bool:
    if _DRIVER.is_dir():
        return any(_DRIVER.iterdir())
    command = shutil.which("nvidia-smi")  # where the driver has no folder, as in WSL
    if command is None:
        return False
    try:
        listed = subprocess.run([command, "-L"], capture_output=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and bool(listed.stdout.strip())


def _torch_has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()
