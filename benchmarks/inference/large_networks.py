"""Large networks that have learned something: of a random one, half precision keeps no answer.

Training starts on small images, which is many times faster, and ends on those of the network's own size.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from include.config_parts import Architecture
from include.models.architectures import build
from include.models.compute import normalise

log = logging.getLogger(__name__)

Plan = Sequence[tuple[float, int]]
"""The share of the images' side, and for how many epochs."""
PLANS: Mapping[Architecture, Plan] = {
    "resnet50": ((0.29, 8), (0.57, 3), (1.0, 2)),
    "mobilenet_v3_large": ((0.43, 30), (0.71, 3), (1.0, 1)),
}
"""Some 25 minutes each on two cores with other work beside. The last epochs are at the size that is measured."""
TRAINED_AT_ONCE = 32
"""Images in a step."""
_PEAK_LR = {"resnet50": 1e-3, "mobilenet_v3_large": 2e-3}
_WEIGHT_DECAY = 0.05
_N_SETTLING = 512


def train_large(
    architecture: Architecture,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    n_classes: int,
    seed: int,
    plan: Plan,
) -> nn.Module:
    """Train a network from random weights, in bfloat16 on all cores, in minutes.

    Args:
        architecture: Which network.
        pixels: RGB, [n, size, size, 3].
        labels: [n], the place of each image's class.
        n_classes: How many classes there are.
        seed: Decides weights and order.
        plan: Empty: the weights stay random.
    """
    torch.manual_seed(seed)
    model = build(architecture, n_classes=n_classes).to(memory_format=torch.channels_last)
    for block in model.modules():
        if isinstance(block, Bottleneck):
            nn.init.zeros_(block.bn3.weight)  # as `zero_init_residual` of torchvision's ResNet does: it learns sooner
    n_steps = sum(n_epochs for _, n_epochs in plan) * (len(pixels) // TRAINED_AT_ONCE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_PEAK_LR[architecture], weight_decay=_WEIGHT_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _PEAK_LR[architecture], total_steps=max(n_steps, 1))
    for share, n_epochs in plan:
        for epoch in range(n_epochs):
            losses = []
            for inputs, targets in _batches(pixels, labels, round(share * pixels.shape[1])):
                with torch.autocast("cpu", torch.bfloat16):
                    loss = nn.functional.cross_entropy(model.train()(inputs).float(), targets)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
            log.info("%s, epoch %d at %.2f of the size: loss %.3f", architecture, epoch + 1, share, np.mean(losses))
    settle(model, pixels[:: -(-len(pixels) // _N_SETTLING)])
    return model.eval()


def settle(model: nn.Module, pixels: NDArray[np.uint8]) -> None:
    """Let a network's batch normalisation hold the means over images [n, size, size, 3]."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    with torch.no_grad():
        for start in range(0, len(pixels), TRAINED_AT_ONCE):
            model.train()(normalise(torch.from_numpy(pixels[start : start + TRAINED_AT_ONCE])))
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum


def _batches(pixels: NDArray[np.uint8], labels: NDArray[np.int64], size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield an epoch's inputs [b, 3, size, size], every second batch mirrored, and the places of their classes."""
    order = torch.randperm(len(pixels)).numpy()
    for number, start in enumerate(range(0, len(order) - TRAINED_AT_ONCE + 1, TRAINED_AT_ONCE)):
        places = order[start : start + TRAINED_AT_ONCE]
        inputs = normalise(torch.from_numpy(pixels[places]))
        if size != pixels.shape[1]:
            inputs = nn.functional.interpolate(inputs, size=(size, size), mode="bilinear", antialias=True)
        if number % 2:
            inputs = inputs.flip(3)
        yield inputs.contiguous(memory_format=torch.channels_last), torch.from_numpy(labels[places])
