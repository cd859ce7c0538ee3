"""One way to send pixels through a network: eager, compiled by inductor, or by OpenVINO."""

import copy
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from include.models.compute import Compute, Normalisation
from include.models.network import Outputs, SplitNetwork, in_numpy

Backend = Literal["eager", "inductor", "openvino"]

Step = Callable[[NDArray[np.uint8]], Outputs]
"""Sends pixels [b, s, s, 3] through a network."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How a network's forward pass is executed."""

    backend: Backend = "eager"
    compute: Compute = field(default_factory=Compute)

    def __str__(self) -> str:
        return f"{self.backend}, {self.compute}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Workload:
    """What is to be computed, however it is done."""

    network: SplitNetwork
    """In evaluation mode, on the CPU or where training left it."""
    normalisation: Normalisation
    want_features: bool
    size: int
    """The side of the images, in pixels."""
    n_at_once: int
    """The most images that go through the network at once; compiled networks get exactly as many."""
    artefacts: Path | None = None
    """The folder where compiled code is kept for other processes; None: torch's own."""


def cpp_compiler() -> str | None:
    """Return the path of the C++ compiler that inductor would call; None: there is none."""
    return shutil.which(os.environ.get("CXX", "g++"))


def has_openvino() -> bool:
    """Whether OpenVINO is installed; it is not imported."""
    return find_spec("openvino") is not None


def step_of(execution: Execution, workload: Workload) -> Step:
    """Return a function that computes in one way; the first call may take longer.

    Raises:
        Exception: Whatever the backend raises where it cannot do it.
    """
    if execution.backend == "eager":
        return _eager(execution.compute, workload)
    if execution.backend == "inductor":
        from include.models.compiled import compiled_step

        return in_full_batches(compiled_step(execution.compute, workload), workload.n_at_once)
    from include.models.openvino import openvino_step

    return in_full_batches(openvino_step(execution.compute, workload), workload.n_at_once)


def in_full_batches(step: Step, n_images: int) -> Step:
    """Let a step see batches of one size only, since another size would be compiled anew: what is missing is padded."""

    def padded(pixels: NDArray[np.uint8]) -> Outputs:
        if len(pixels) == n_images:
            return step(pixels)
        padding = np.zeros((n_images - len(pixels), *pixels.shape[1:]), dtype=np.uint8)
        logits, penultimate = step(np.concatenate([pixels, padding]))
        return Outputs(logits[: len(pixels)], penultimate[: len(pixels)])

    return padded


def placed(network: nn.Module, compute: Compute) -> nn.Module:
    """Move a network to the device and into the memory layout of a way to compute, a copy of it if it is a GPU's."""
    if compute.device == "cuda":
        network = copy.deepcopy(network)  # the CPU's goes on if the GPU is lost
    return compute.place(network)


def _eager(compute: Compute, workload: Workload) -> Step:
    network = placed(workload.network, compute)

    def step(pixels: NDArray[np.uint8]) -> Outputs:
        with torch.inference_mode(), compute.autocast():
            inputs = compute.inputs(pixels, workload.normalisation)
            return in_numpy(*network(inputs), want_features=workload.want_features)

    return step
