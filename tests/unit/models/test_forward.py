"""The forward pass: what comes out, and what happens when memory or the GPU is gone."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from synthetic_images import shapes

from include.config_parts import Architecture
from include.models.architectures import build, last_linear
from include.models.compute import IMAGENET, Compute
from include.models.execution import Execution, Workload
from include.models.forward import ForwardPass, forward_pass
from include.models.network import Outputs, SplitNetwork
from include.models.training import TrainedModel


class Greedy(torch.nn.Module):
    """A network that does not have the memory for more than eight images at once."""

    def __init__(self, model: torch.nn.Module, fail: Callable[[], object], told: Callable[[int], None]) -> None:
        super().__init__()
        self.model = model
        self.fail = fail
        self.told = told
        """Gets the size of each batch; a list of its own would be copied with the network."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.told(len(images))
        if len(images) > 8:
            self.fail()
        return self.model(images)


def no_gpu_memory() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


OUT_OF_MEMORY = {
    "torch, GPU": no_gpu_memory,
    "torch, CPU": lambda: torch.empty(1 << 60, dtype=torch.uint8),
    "numpy": lambda: np.empty(1 << 60, dtype=np.uint8),
}


@contextmanager
def hooked_outputs(model: torch.nn.Module) -> Iterator[Callable[[], NDArray[np.float32]]]:
    """Give a function that returns what went into the last linear layer in the latest forward pass, [b, n_outputs]."""
    latest: list[torch.Tensor] = []
    hook = last_linear(model).register_forward_pre_hook(lambda _, inputs: latest.append(inputs[0].detach()))
    try:
        yield lambda: latest.pop().numpy()
    finally:
        hook.remove()


@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_every_architecture_gives_its_penultimate_layer_without_hooks(architecture: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build(architecture, n_classes=3).eval()
    pixels = shapes(2, size=32).images.pixels

    with torch.inference_mode(), hooked_outputs(model) as hooked:
        logits, seen = model(Compute().inputs(pixels)).numpy(), hooked()
    with forward_pass(model, pixels, n_images=2, want_features=True) as forward:
        outputs = forward(pixels)

    assert outputs.penultimate.shape == (2, last_linear(model).in_features)
    assert outputs.logits == pytest.approx(logits, abs=1e-4)
    assert outputs.penultimate == pytest.approx(seen, abs=1e-4)


def test_the_last_layer_is_computed_in_float32_also_in_half_precision(trained: TrainedModel) -> None:
    pixels = shapes(32, seed=4).images.pixels
    head = last_linear(trained.model)

    with forward_pass(
        trained.model, pixels, n_images=32, want_features=True, compute=Compute(dtype="bfloat16")
    ) as forward:
        outputs = forward(pixels)

    exact = outputs.penultimate @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    assert outputs.logits == pytest.approx(exact, abs=1e-5)
    assert (torch.from_numpy(outputs.logits).bfloat16().float().numpy() != outputs.logits).mean() > 0.5


def test_a_batch_may_have_any_size(trained: TrainedModel) -> None:
    pixels = shapes(50, seed=4).images.pixels

    with forward_pass(trained.model, pixels[:16], n_images=50, want_features=True) as forward:
        whole = forward(pixels)
        parts = [forward(pixels[:1]), forward(pixels[1:17]), forward(pixels[17:])]

    assert forward.n_at_once == 16
    assert np.concatenate([part.logits for part in parts]) == pytest.approx(whole.logits, abs=1e-4)
    assert np.concatenate([part.penultimate for part in parts]) == pytest.approx(whole.penultimate, abs=1e-4)


def test_large_images_go_through_the_network_a_few_at_once(trained: TrainedModel) -> None:
    pixels = shapes(40, size=224).images.pixels

    with forward_pass(trained.model, pixels, n_images=40) as forward:
        assert forward.n_at_once == 32
        assert forward(pixels).logits.shape == (40, 3)


@pytest.mark.parametrize("kind", OUT_OF_MEMORY)
def test_memory_that_runs_out_halves_the_batch_and_loses_no_answer(
    kind: str, trained: TrainedModel, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    pixels = shapes(50, seed=4).images.pixels
    batches: list[int] = []
    greedy = Greedy(trained.model, OUT_OF_MEMORY[kind], batches.append)
    with forward_pass(trained.model, pixels, n_images=50) as forward:
        expected = forward(pixels).logits

    # when
    with caplog.at_level(logging.WARNING), forward_pass(greedy, pixels[:32], n_images=50) as forward:
        logits = forward(pixels).logits

    # then
    assert logits == pytest.approx(expected, abs=1e-4)
    assert batches[:3] == [32, 16, 8]
    assert max(batches[3:]) == 8
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "memory ran out with 32 images at once, going on with 16",
        "memory ran out with 16 images at once, going on with 8",
    ]


def test_not_enough_memory_for_one_image_is_an_error(trained: TrainedModel) -> None:
    class Hungry(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.empty(len(images) << 60, dtype=torch.uint8)

    with (
        pytest.raises(RuntimeError, match="allocate memory"),
        forward_pass(Hungry(), shapes(4).images.pixels, n_images=4) as forward,
    ):
        forward(shapes(4).images.pixels)


def test_other_errors_are_not_swallowed(trained: TrainedModel) -> None:
    class Wrong(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images @ torch.ones(2, 2)

    with (
        pytest.raises(RuntimeError, match="Expected size"),
        forward_pass(Wrong(), shapes(4).images.pixels, n_images=4) as forward,
    ):
        forward(shapes(4).images.pixels)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: unspecified launch failure"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    ],
    ids=["CUDA", "cuDNN"],
)
def test_a_gpu_that_is_lost_costs_no_answer(
    error: Exception, trained: TrainedModel, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    pixels = shapes(50, seed=4).images.pixels
    with forward_pass(trained.model, pixels[:16], n_images=50) as on_cpu:
        expected = on_cpu(pixels).logits
    workload = Workload(
        network=SplitNetwork(trained.model),
        normalisation=IMAGENET,
        want_features=False,
        size=16,
        n_at_once=16,
    )
    batches: list[int] = []

    def first_two_batches(batch: np.ndarray) -> Outputs:
        batches.append(len(batch))
        if len(batches) > 2:
            raise error
        return on_cpu(batch)

    # when
    forward = ForwardPass(workload, Execution(compute=Compute(device="cuda")), first_two_batches)
    with caplog.at_level(logging.WARNING):
        logits = forward(pixels).logits

    # then
    assert logits == pytest.approx(expected, abs=1e-4)
    assert batches == [16, 16, 16]
    assert forward.execution.compute.device == "cpu"
    assert [record.message.partition(":")[0] for record in caplog.records] == ["the GPU is lost, going on with the CPU"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_computes_in_half_precision_and_leaves_the_model_on_the_cpu(trained: TrainedModel) -> None:
    pixels = shapes(256, seed=4).images.pixels
    with forward_pass(trained.model, pixels, n_images=256, compute=Compute()) as forward:
        expected = forward(pixels)

    with forward_pass(trained.model, pixels, n_images=5000) as forward:
        outputs = forward(pixels)

    assert forward.execution.compute == replace(forward.execution.compute, device="cuda", dtype="bfloat16")
    assert (outputs.logits.argmax(axis=1) == expected.logits.argmax(axis=1)).mean() >= 0.99
    assert {parameter.device.type for parameter in trained.model.parameters()} == {"cpu"}
