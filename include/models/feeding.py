"""Batches of training images that are ready before the step that takes them."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from include.models.augmentation import Changes, change, draw_changes
from include.models.compute import Compute, normalise
from include.models.team import Share
from include.store.pixels import ImageSource

_N_AHEAD = 2
"""Batches that are ready or in work while a step computes."""


class ReadyBatch(NamedTuple):
    """A batch that a step can take."""

    inputs: Tensor
    """float32 [b, 3, s, s], changed, on the device and in the layout of the step."""
    labels: Tensor
    """int64 [b], on the device."""


class Feed:
    """The batches of an epoch, in order, made ready in the background while the network computes.

    On the CPU pixels are read, normalised and changed there; for a GPU they are read into pinned memory, and the rest
    is done on the GPU.

    Args:
        images: The training images.
        labels: Their classes, [n].
        compute: How the steps compute.
        share: What this process takes of each batch.
        horizontal_flip: Mirror half of the images.
    """

    def __init__(
        self,
        images: ImageSource,
        labels: NDArray[np.int64],
        *,
        compute: Compute,
        share: Share,
        horizontal_flip: bool,
    ) -> None:
        self._images = images
        self._labels = torch.from_numpy(labels)
        self._compute = compute
        self._share = share
        self._horizontal_flip = horizontal_flip
        self.seconds_waited = 0.0
        """How long steps have waited for their batch, since the latest epoch began."""

    def epoch(self, batches: Sequence[NDArray[np.int64]], generator: torch.Generator) -> Iterator[ReadyBatch]:
        """Yield the batches of an epoch; whatever reading them raises is raised here, in its turn.

        Args:
            batches: The places of the images of each batch.
            generator: What the changes are drawn from, in the order of the batches.
        """
        self.seconds_waited = 0.0
        pending: deque[Future[ReadyBatch]] = deque()
        # a thread begins on the first GPU, whichever one this process computes on
        device = torch.cuda.current_device() if self._compute.device == "cuda" else None
        with ThreadPoolExecutor(
            1, thread_name_prefix="feed", initializer=_begin_thread, initargs=(device,)
        ) as executor:
            try:
                for indices in batches:
                    changes = draw_changes(len(indices), generator, horizontal_flip=self._horizontal_flip)
                    part = self._share.of(len(indices))
                    pending.append(executor.submit(self._prepare, indices[part], changes.part(part)))
                    if len(pending) > _N_AHEAD:
                        yield self._take(pending)
                while pending:
                    yield self._take(pending)
            finally:
                executor.shutdown(wait=False, cancel_futures=True)

    def _take(self, pending: deque[Future[ReadyBatch]]) -> ReadyBatch:
        started = time.monotonic()
        batch = pending.popleft().result()
        self.seconds_waited += time.monotonic() - started
        return batch

    def _prepare(self, indices: NDArray[np.int64], changes: Changes) -> ReadyBatch:
        pixels, labels = self._images.gather(indices), self._labels[torch.from_numpy(indices)]
        if self._compute.device == "cuda":
            on_device = torch.from_numpy(pixels).pin_memory().to("cuda", non_blocking=True)
            inputs, labels = normalise(on_device), labels.pin_memory().to("cuda", non_blocking=True)
        else:
            inputs = self._compute.inputs(pixels)
        changed = change(inputs, changes)
        layout = torch.channels_last if self._compute.channels_last else torch.contiguous_format
        return ReadyBatch(changed.contiguous(memory_format=layout), labels)


def _begin_thread(device: int | None) -> None:
    """Use one core, and the process's GPU."""
    torch.set_num_threads(1)
    if device is not None:
        torch.cuda.set_device(device)
