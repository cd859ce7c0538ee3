"""A network compiled ahead of time by torch's inductor, its weights frozen into the code, kept for the next process.

Compiling imports inductor and calls a C++ compiler, which takes a quarter of a minute or more. Loading what is compiled
takes a hundredth of a second and needs neither.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from include.models.compute import Compute
from include.models.execution import Step, Workload, placed
from include.models.network import FromPixels, Outputs, as_tensor, in_numpy
from include.store.files import FileStore, sha256_of_bytes

if TYPE_CHECKING:  # no documented name: a torch without it must not keep what is not compiled from being imported
    from torch._C._aoti import AOTIModelPackageLoader

MAX_PACKAGES = 16
"""So many packages are kept, those that were used last: a version that nobody asks any more must not fill the disk."""

_SCRATCH = "TORCHINDUCTOR_CACHE_DIR"


def is_compiled(compute: Compute, workload: Workload) -> bool:
    """Whether a process before this one has compiled a network for a way to compute."""
    return workload.artefacts is not None and _package(workload.artefacts, compute, workload).is_file()


def compiled_step(compute: Compute, workload: Workload) -> Step:
    """Return a function that computes with compiled code, for batches of `workload.n_at_once`.

    The code is kept below `workload.artefacts`; a package there that cannot be loaded is made anew.

    Raises:
        Exception: Whatever is raised if there is no compiler, or inductor cannot do it.
    """
    if workload.artefacts is None:
        with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
            network = _made(Path(folder) / "network.pt2", compute, workload)
    else:
        network = _kept(_package(workload.artefacts, compute, workload), compute, workload)

    def step(pixels: NDArray[np.uint8]) -> Outputs:
        with torch.no_grad():
            logits, penultimate = network.run([as_tensor(pixels).to(compute.device)])
        return in_numpy(logits, penultimate, want_features=workload.want_features)

    return step


class _InOnePiece(nn.Module):
    """All that is compiled: pixels in, logits and features out, in the number format of a way to compute."""

    def __init__(self, compute: Compute, workload: Workload) -> None:
        super().__init__()
        self._compute = compute
        self._network = FromPixels(workload.network, workload.normalisation)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        with self._compute.autocast():
            outputs: tuple[Tensor, Tensor] = self._network(pixels)
        return outputs


def _package(folder: Path, compute: Compute, workload: Workload) -> Path:
    """Return where the code is kept that was compiled for a workload; the folder is that of its machine and weights."""
    told = (compute, workload.normalisation, workload.want_features, workload.size, workload.n_at_once)
    return folder / f"{sha256_of_bytes(repr(told).encode())[:32]}.pt2"


def _kept(package: Path, compute: Compute, workload: Workload) -> "AOTIModelPackageLoader":
    if package.is_file():
        try:
            loaded = _loaded(package)
        except RuntimeError:  # torn, or of a libtorch that is no longer there
            package.unlink(missing_ok=True)
        else:
            os.utime(package)
            return loaded
    package.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # what lies there is run
    made = _made(package, compute, workload)
    _prune(package.parent.parent)
    return made


def _made(package: Path, compute: Compute, workload: Workload) -> "AOTIModelPackageLoader":
    """Compile a network, put the code into a file, at once, and return it loaded."""
    import torch._inductor

    network = placed(_InOnePiece(compute, workload), compute)
    size = workload.size
    example = torch.zeros(workload.n_at_once, size, size, 3, dtype=torch.uint8, device=compute.device)
    with tempfile.TemporaryDirectory(prefix="driftgate-") as folder, _scratch(folder), torch.no_grad():
        made = torch._inductor.aoti_compile_and_package(
            torch.export.export(network, (example,)),
            package_path=str(Path(folder) / package.name),
            # in this process: starting a pool of others, each of which imports torch, takes longer on a few cores
            inductor_configs={"freezing": True, "compile_threads": 1},
        )
        loaded = _loaded(Path(made))
        with FileStore(str(package.parent)).new_file(package.name) as file:
            shutil.move(made, file)
    return loaded


@contextmanager
def _scratch(folder: str) -> Iterator[None]:
    """Let inductor put into a folder what it makes on the way, some of which it runs.

    Its own choice is a folder below /tmp with a name that anybody can take first.
    """
    before = os.environ.get(_SCRATCH)
    os.environ[_SCRATCH] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SCRATCH]
        else:
            os.environ[_SCRATCH] = before


def _loaded(package: Path) -> "AOTIModelPackageLoader":
    # What torch._inductor.aoti_load_package calls in the end, after it has imported the compiler for two seconds.
    from torch._C._aoti import AOTIModelPackageLoader

    return AOTIModelPackageLoader(str(package), "model", run_single_threaded=False, num_runners=1)


def _prune(folder: Path) -> None:
    packages = sorted(folder.glob("*/*.pt2"), key=lambda path: path.stat().st_mtime, reverse=True)
    for package in packages[MAX_PACKAGES:]:
        package.unlink(missing_ok=True)
