"""The last layer of a network, fitted on what the layers before it say: multinomial logistic regression.

The function that is minimised has one minimum, so no random numbers, no learning rate and no epochs are needed
(L-BFGS: Liu & Nocedal 1989).
"""

import logging
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from include.models.compute import Compute
from include.models.optimizer import EagerLBFGS

log = logging.getLogger(__name__)

WEIGHT_DECAYS = (1.0, 0.1, 0.01, 0.001, 0.0001)
"""How strongly the weights are drawn back to where they started, strongest first; the validation images decide."""
_MAX_STEPS = 60


class LastLayer(NamedTuple):
    """A linear layer from the penultimate layer's outputs to logits."""

    weight: Tensor
    """float32 [n_classes, n_outputs]."""
    bias: Tensor
    """float32 [n_classes]."""


class _Candidate(NamedTuple):
    loss: float
    """On the validation images, if there are any."""
    weight_decay: float
    layer: LastLayer


class _Sample(NamedTuple):
    """Features, scaled to a mean square of 1, and the classes."""

    features: Tensor
    labels: Tensor


def fit_last_layer(
    training: tuple[NDArray[np.float16], NDArray[np.int64]],
    validation: tuple[NDArray[np.float16], NDArray[np.int64]] | None,
    *,
    start: LastLayer,
) -> LastLayer:
    """Fit a last layer that stays as near to where it started as the validation images ask for.

    Args:
        training: Features [n, n_outputs] and classes [n].
        validation: The same of images by which the weight decay is chosen; without any it is the strongest.
        start: The layer to start from; rows of classes that are new to it should be 0.
    """
    scale = float(np.sqrt(np.mean(np.square(training[0], dtype=np.float64)))) or 1.0
    with Compute().threads():  # one: the sum of two threads' parts depends on how they were cut
        origin = LastLayer(start.weight.double() * scale, start.bias.double())
        fitted_on = _sample(training, scale)
        chosen_by = _sample(validation, scale) if validation else None
        layer, candidates = origin, []
        for weight_decay in WEIGHT_DECAYS if chosen_by else WEIGHT_DECAYS[:1]:
            layer = _minimise(fitted_on, layer, origin, weight_decay)
            candidates.append(_Candidate(float(_loss(layer, chosen_by or fitted_on)), weight_decay, layer))
    best = min(candidates, key=lambda candidate: candidate.loss)
    log.info("last layer: weight decay %g of %s, log loss %.3f", best.weight_decay, WEIGHT_DECAYS, best.loss)
    return LastLayer((best.layer.weight / scale).float(), best.layer.bias.float())


def _sample(of_side: tuple[NDArray[np.float16], NDArray[np.int64]], scale: float) -> _Sample:
    features, labels = of_side
    return _Sample(torch.from_numpy(features.astype(np.float64) / scale), torch.from_numpy(labels))


def _minimise(sample: _Sample, start: LastLayer, origin: LastLayer, weight_decay: float) -> LastLayer:
    weight = start.weight.clone().requires_grad_()
    bias = start.bias.clone().requires_grad_()
    optimizer = EagerLBFGS(
        [weight, bias], max_iter=_MAX_STEPS, tolerance_grad=1e-5, tolerance_change=1e-9, line_search_fn="strong_wolfe"
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        distance = (weight - origin.weight).square().sum()
        loss = _loss(LastLayer(weight, bias), sample) + weight_decay / 2 * distance
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with torch.enable_grad():
        optimizer.step(objective)
    return LastLayer(weight.detach(), bias.detach())


def _loss(layer: LastLayer, sample: _Sample) -> Tensor:
    logits = sample.features @ layer.weight.T + layer.bias
    return nn.functional.cross_entropy(logits, sample.labels)
