"""A network compiled by torch's inductor, its weights frozen into the code.

Only what really compiles imports this: inductor takes seconds to import, and a C++ compiler up to minutes.
"""

import os

import numpy as np
import torch
from numpy.typing import NDArray

from include.models.compute import Compute
from include.models.execution import Step, Workload, placed
from include.models.network import FromPixels, Outputs, as_tensor, in_numpy

_CACHE_DIR = "TORCHINDUCTOR_CACHE_DIR"


def compiled_step(compute: Compute, workload: Workload) -> Step:
    """Return a function that computes with compiled code, which its first call makes or finds in the cache.

    It is compiled for the size of the first batch. The code is kept below `workload.artefacts`, unless the environment
    names another folder.

    Raises:
        Exception: What the first call raises if there is no compiler, or inductor cannot do it.
    """
    if workload.artefacts is not None:
        workload.artefacts.mkdir(mode=0o700, parents=True, exist_ok=True)  # what lies there is run
        os.environ.setdefault(_CACHE_DIR, str(workload.artefacts))
    torch.compiler.reset()  # what this process has compiled before counts against a limit
    network = placed(FromPixels(workload.network, workload.normalisation), compute)
    # in this process: starting a pool of others, each of which imports torch, takes longer on a few cores
    compiled = torch.compile(network, dynamic=False, options={"freezing": True, "compile_threads": 1})

    def step(pixels: NDArray[np.uint8]) -> Outputs:
        with torch.no_grad(), compute.autocast():
            return in_numpy(*compiled(as_tensor(pixels).to(compute.device)), want_features=workload.want_features)

    return step
