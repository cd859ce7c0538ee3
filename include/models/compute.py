"""How the arithmetic is done: device, number format, memory layout and threads, chosen by timing a few steps.

None of it can be read off the processor's name: bfloat16 triples the speed of one machine and is a tenth of float32 on
the next, and a second thread on a busy core is worse than none.
"""

import copy
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from include.models.cores import free_threads

log = logging.getLogger(__name__)

MIN_SPEEDUP = 1.1
"""What a candidate must gain to be chosen: less may be noise, and a choice that flips between runs helps nobody."""
_TIMED_IMAGES = 32
"""The most images in a timed step: enough to keep two threads busy, and soon over on a slow machine."""
_FEWEST_TIMED_IMAGES = 8
"""The fewest: each step of half precision converts all weights, which with three images takes longer than it saves."""
_SECONDS_PER_CANDIDATE = 0.4
_TURNS = 2
"""How often a candidate and what it is compared with are timed in turn."""
_FIRST_IMAGES = 2
_FAST_FLOAT16 = (7, 0)
"""The compute capability from which on CUDA devices have units for float16."""
_HOPELESS = 3.0
"""A candidate that is so many times slower on the first images is not timed further."""


class Normalisation(NamedTuple):
    """Mean and standard deviation by channel (RGB) of pixels scaled to 0…1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""What torchvision's weights were trained with (torchvision.transforms._presets.ImageClassification)."""


@dataclass(frozen=True)
class Compute:
    """How the steps of one training, or of one prediction, are computed."""

    device: Literal["cpu", "cuda"] = "cpu"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    channels_last: bool = True
    n_threads: int = 1

    def place(self, model: nn.Module) -> nn.Module:
        """Move a model, in place, to this device and memory layout."""
        model.to(self.device)
        model.to(memory_format=torch.channels_last if self.channels_last else torch.contiguous_format)
        return model

    def inputs(self, batch: NDArray[np.uint8], normalisation: Normalisation = IMAGENET) -> Tensor:
        """Return pixels [b, s, s, 3] as the model's input [b, 3, s, s], on this device and in this layout."""
        # torch warns about arrays that it could write to and must not, such as a view of a mapped file
        pixels = torch.from_numpy(np.require(batch, requirements=["C", "W"])).to(self.device)
        inputs = normalise(pixels, normalisation)
        return inputs if self.channels_last else inputs.contiguous()

    def autocast(self) -> torch.autocast:
        """Return the context in which forward passes run."""
        return torch.autocast(self.device, dtype=getattr(torch, self.dtype), enabled=self.dtype != "float32")

    @contextmanager
    def threads(self) -> Iterator[None]:
        """Use this many threads, and afterwards as many as before."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def __str__(self) -> str:
        layout = "channels_last" if self.channels_last else "contiguous"
        return f"{self.device}, {self.dtype}, {layout}, {self.n_threads} thread{'s' if self.n_threads > 1 else ''}"


def normalise(batch: Tensor, normalisation: Normalisation = IMAGENET) -> Tensor:
    """Turn pixels (uint8 [b, s, s, 3], RGB) into a model's input (float32 [b, 3, s, s], channels_last).

    Training and prediction share it: a difference between them would cost accuracy without a word.
    """
    mean = torch.tensor(normalisation.mean, device=batch.device).view(1, 3, 1, 1)
    std = torch.tensor(normalisation.std, device=batch.device).view(1, 3, 1, 1)
    # the permuted view of NHWC memory is what torch calls channels_last: nothing is copied but to change the type
    scaled = batch.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last)
    return scaled.mul_(1 / (255 * std)).sub_(mean / std)


def choose_compute(
    model: nn.Module,
    example: NDArray[np.uint8],
    *,
    training: bool,
    agrees: Callable[[Compute], bool] = lambda _: True,
    n_threads: int | None = None,
) -> Compute:
    """Choose how to compute by timing a few steps of each candidate: two seconds in all, ten with a large network.

    One thing is changed at a time (layout, threads, number format) and kept if it is `MIN_SPEEDUP` times faster; both
    are timed in turn, so that what else the machine does slows both. With CUDA nothing is timed: half precision is
    taken if it agrees.

    Args:
        model: The model; it is left untouched.
        example: A batch of pixels [b, s, s, 3], as large as the batches to come.
        training: Whether steps go backward too.
        agrees: Whether a candidate in half precision, which is fast enough, answers as float32 does.
        n_threads: The most threads; by default as many as are free now.
    """
    probe = copy.deepcopy(model).train(training)
    # the steps of the probe draw dropout masks: the caller's random numbers must not depend on how many there were
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        if torch.cuda.is_available():
            return _choose_on_cuda(agrees, training=training)
        return _choose_on_cpu(probe, example, agrees, n_threads=n_threads or free_threads())


def _choose_on_cuda(agrees: Callable[[Compute], bool], *, training: bool) -> Compute:
    chosen = Compute(device="cuda")
    half = chosen
    if torch.cuda.is_bf16_supported(including_emulation=False):
        half = replace(chosen, dtype="bfloat16")
    elif not training and torch.cuda.get_device_capability() >= _FAST_FLOAT16:  # its gradients would need scaling
        half = replace(chosen, dtype="float16")
    if half != chosen and agrees(half):
        chosen = half
    log.info("computing on %s", chosen)
    return chosen


def _choose_on_cpu(
    probe: nn.Module, example: NDArray[np.uint8], agrees: Callable[[Compute], bool], *, n_threads: int
) -> Compute:
    chosen = Compute(n_threads=n_threads)
    told: list[str] = []

    def faster(candidate: Compute) -> bool:
        rate, beside = _rates_in_turn(probe, example, candidate, chosen)
        told.append(f"{candidate}: {rate:.0f} beside {beside:.0f} img/s")
        return rate > MIN_SPEEDUP * beside

    if faster(candidate := replace(chosen, channels_last=False)):
        chosen = candidate
    if n_threads > 1 and faster(candidate := replace(chosen, n_threads=1)):
        chosen = candidate
    if faster(candidate := replace(chosen, dtype="bfloat16")) and agrees(candidate):
        chosen = candidate
    log.info("computing on %s (%s)", chosen, "; ".join(told))
    return chosen


def _rates_in_turn(
    probe: nn.Module, example: NDArray[np.uint8], candidate: Compute, chosen: Compute
) -> tuple[float, float]:
    """Time a candidate beside what is chosen so far; one that is hopeless on the first images is not timed further.

    The best turn of each counts: what else the machine does only ever takes time away.
    """
    few = example[:_FIRST_IMAGES]
    rate, beside = (_rate_of_steps(probe, few, compute, seconds=0.0) for compute in (candidate, chosen))
    if rate * _HOPELESS < beside:
        return rate, beside
    wanted = max(_FEWEST_TIMED_IMAGES, min(_TIMED_IMAGES, int(beside * _SECONDS_PER_CANDIDATE / _TURNS)))
    turns = [
        [
            _rate_of_steps(probe, example[:wanted], compute, seconds=_SECONDS_PER_CANDIDATE / _TURNS)
            for compute in (candidate, chosen)
        ]
        for _ in range(_TURNS)
    ]
    rate, beside = (max(turn[place] for turn in turns) for place in range(2))
    return rate, beside


def _rate_of_steps(probe: nn.Module, batch: NDArray[np.uint8], compute: Compute, *, seconds: float) -> float:
    """Run a step to warm up and then, for some seconds, at least one that counts; return images per second."""
    compute.place(probe)
    inputs = compute.inputs(batch)
    step = _training_step(probe, inputs, compute) if probe.training else _prediction_step(probe, inputs, compute)
    with compute.threads():
        step()
        n_steps, started = 0, time.monotonic()
        while n_steps == 0 or time.monotonic() - started < seconds:
            step()
            n_steps += 1
        return n_steps * len(batch) / (time.monotonic() - started)


def _training_step(probe: nn.Module, inputs: Tensor, compute: Compute) -> Callable[[], None]:
    labels = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)

    def step() -> None:
        with compute.autocast():
            logits = probe(inputs)
        nn.functional.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        probe.zero_grad()

    return step


def _prediction_step(probe: nn.Module, inputs: Tensor, compute: Compute) -> Callable[[], None]:
    def step() -> None:
        with torch.inference_mode(), compute.autocast():
            probe(inputs)

    return step
