"""The ways to compute a forward pass that the limit is the fastest of. None of them is Driftgate's own code."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from include.models.compute import IMAGENET

Forward = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From pixels [b, s, s, 3] to logits [b, n_classes]."""
Make = Callable[[nn.Module, int], Forward]
"""From a network, and the size of the batches to come, to its forward pass."""


class _Normalised(nn.Module):
    """A network with its normalisation: from pixels, uint8 [b, s, s, 3], to logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET.mean).view(1, 3, 1, 1))
        self.register_buffer("scale", 1 / (255 * torch.tensor(IMAGENET.std).view(1, 3, 1, 1)))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        images = pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last)
        logits: torch.Tensor = self.model((images - self.mean) * self.scale)
        return logits


def cpu_engines(*, compiling: bool, openvino: bool) -> Mapping[str, Make]:
    """Return the engines of a CPU by their names; the exact one comes first."""
    engines: dict[str, Make] = {
        "eager float32": partial(_eager, dtype=torch.float32),
        "eager bfloat16": partial(_eager, dtype=torch.bfloat16),
    }
    if compiling:
        engines["compiled bfloat16"] = partial(_compiled, dtype=torch.bfloat16)
        engines["compiled float32"] = partial(_compiled, dtype=torch.float32)
    if openvino:
        engines["OpenVINO float32"] = partial(_openvino, precision="f32")
        engines["OpenVINO bfloat16"] = partial(_openvino, precision="bf16")
    return engines


def cuda_engines() -> Mapping[str, Make]:
    """Return the engines of a GPU."""
    return {
        "CUDA float32": partial(_eager, dtype=torch.float32, device="cuda"),
        "CUDA bfloat16": partial(_eager, dtype=torch.bfloat16, device="cuda"),
        "CUDA float16": partial(_eager, dtype=torch.float16, device="cuda"),
    }


def scores_of(forward: Forward, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the probability of each class, [n, n_classes]."""
    logits = torch.from_numpy(forward(pixels))
    scores: NDArray[np.float32] = logits.softmax(dim=1).numpy()
    return scores


def _eager(
    model: nn.Module, _batch_size: int, *, dtype: torch.dtype, device: Literal["cpu", "cuda"] = "cpu"
) -> Forward:
    module = _Normalised(model).to(device=device, memory_format=torch.channels_last).eval()
    return _torch_forward(module, dtype=dtype, device=device)


def _compiled(model: nn.Module, _batch_size: int, *, dtype: torch.dtype) -> Forward:
    import torch._inductor.config as inductor

    inductor.freezing = True
    module = _Normalised(model).to(memory_format=torch.channels_last).eval()
    return _torch_forward(torch.compile(module, dynamic=False), dtype=dtype, device="cpu")


def _torch_forward(module: Any, *, dtype: torch.dtype, device: str) -> Forward:
    def forward(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        rounds = torch.autocast(device, dtype=dtype, enabled=dtype is not torch.float32)
        with torch.inference_mode(), rounds:
            logits: NDArray[np.float32] = module(torch.from_numpy(pixels).to(device)).float().cpu().numpy()
        return logits

    return forward


def _openvino(model: nn.Module, batch_size: int, *, precision: str) -> Forward:
    import openvino

    side = 64  # any: the converted network takes every size
    example = torch.zeros((batch_size, side, side, 3), dtype=torch.uint8)
    converted = openvino.convert_model(_Normalised(model).eval(), example_input=example)
    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(converted, "CPU", hints)

    def forward(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = compiled(pixels)[compiled.output(0)].astype(np.float32)
        return logits

    return forward
