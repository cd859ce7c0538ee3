"""Pixels in, logits out: the forward pass of a network, in the way that is fastest on this machine and still agrees.

docs/adr/026-how-to-compute-is-measured.md says how the way is found.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from include.models.allocation import keep_freed_memory
from include.models.choices import ChoiceCache
from include.models.choosing import Chosen, choose_execution
from include.models.compute import IMAGENET, Compute, Normalisation
from include.models.cores import available_threads
from include.models.execution import Execution, Step, Workload, step_of
from include.models.failures import is_lost_gpu, is_out_of_memory
from include.models.network import Outputs, SplitNetwork

log = logging.getLogger(__name__)

_PIXELS_AT_ONCE = 32 * 224 * 224
"""On the CPU: more pixels at once are no faster, and what a network makes of them no longer fits the caches."""


class ForwardPass:
    """Sends pixels through a network; it has been made ready by `forward_pass`.

    Where memory runs out it goes on with half as many images at once, and where the GPU is lost on the CPU; both are
    logged as a warning.
    """

    def __init__(self, workload: Workload, execution: Execution, step: Step) -> None:
        self._workload = workload
        self._execution = execution
        self._step = step
        self._n_at_once = workload.n_at_once

    @property
    def execution(self) -> Execution:
        """How it computes now."""
        return self._execution

    @property
    def n_at_once(self) -> int:
        """How many images go through the network at once; batches of a multiple of it are computed without padding."""
        return self._n_at_once

    def __call__(self, pixels: NDArray[np.uint8]) -> Outputs:
        """Send a batch through the network.

        Args:
            pixels: RGB, [b, s, s, 3], of the size that it was made ready for; b is at least 1.

        Raises:
            RuntimeError: What torch raises that is neither a lack of memory nor a lost GPU.
            MemoryError: There is not enough memory for one image.
        """
        parts: list[Outputs] = []
        n_done = 0
        while n_done < len(pixels):
            batch = pixels[n_done : n_done + self._n_at_once]
            try:
                with self._execution.compute.threads():
                    parts.append(self._step(batch))
            except (RuntimeError, MemoryError) as error:
                self._recover(error, len(batch))
            else:
                n_done += len(batch)
        logits, penultimate = zip(*parts, strict=True)
        return Outputs(np.concatenate(logits), np.concatenate(penultimate))

    def _recover(self, error: Exception, n_images: int) -> None:
        """Find another way to compute a batch that failed, or raise."""
        if is_out_of_memory(error) and n_images > 1:
            self._n_at_once = n_images // 2
            log.warning("memory ran out with %d images at once, going on with %d: %s", n_images, n_images // 2, error)
            self._use(replace(self._execution, backend="eager"))
        elif is_lost_gpu(error) and self._execution.compute.device == "cuda":
            log.warning("the GPU is lost, going on with the CPU: %s", error)
            self._use(Execution(compute=Compute(n_threads=available_threads())))
        else:
            raise error

    def _use(self, execution: Execution) -> None:
        if execution == self._execution:
            return
        self._execution = execution
        self._step = step_of(execution, self._workload)


@contextmanager
def forward_pass(
    model: nn.Module,
    example: NDArray[np.uint8],
    *,
    n_images: int,
    normalisation: Normalisation = IMAGENET,
    want_features: bool = False,
    cache: ChoiceCache | None = None,
    compute: Compute | None = None,
) -> Iterator[ForwardPass]:
    """Make a network ready to answer images, in the fastest way that agrees with float32.

    The model is left in evaluation mode and, on the CPU, in the memory layout that it computed in.

    Args:
        model: A classifier.
        example: The first of the images, [b, s, s, 3] with b at least 1: as many as will be handed in at once, and
            `agreement.PROBE_IMAGES` if there are so many, since half precision has to agree with float32 on them.
        n_images: How many images are to come; whether a compiler pays depends on it.
        normalisation: What the model was trained with.
        want_features: Whether the penultimate layer's outputs are returned, too.
        cache: Where what was measured is kept for the next process; None: nowhere.
        compute: Compute eagerly in this way, whatever is fastest.
    """
    keep_freed_memory()
    workload = Workload(
        network=SplitNetwork(model.eval()).eval(),
        normalisation=normalisation,
        want_features=want_features,
        size=example.shape[1],
        n_at_once=_images_at_once(example),
        artefacts=cache.compiled_folder if cache else None,
    )
    if compute is None:
        chosen = choose_execution(model, workload, example, n_images=n_images, cache=cache)
    else:
        chosen = Chosen(execution := Execution(compute=compute), step_of(execution, workload))
    yield ForwardPass(workload, chosen.execution, chosen.step)


def _images_at_once(example: NDArray[np.uint8]) -> int:
    """Return how many images go through the network at once: a power of two, or all of a batch that is smaller."""
    if torch.cuda.is_available():
        return len(example)
    fitting = max(1, _PIXELS_AT_ONCE // int(example.shape[1]) ** 2)
    return min(len(example), 1 << (fitting.bit_length() - 1))
