"""Train only the last layer: the champion's network sees, and what it sees is divided anew."""

import logging
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from include.models.architectures import last_linear
from include.models.compute import Compute
from include.models.last_layer import LastLayer, fit_last_layer
from include.models.network_features import Embedder, NetworkFeatures, embedding_compute
from include.models.training import TrainedModel

if TYPE_CHECKING:  # only its form: a model knows nothing of the warehouse that the data set is read from
    from include.store.dataset import LabelledImages

log = logging.getLogger(__name__)


def train_head(
    network: nn.Module,
    *,
    training: "LabelledImages",
    validation: "LabelledImages",
    new_classes: NDArray[np.int64],
    features: Embedder | None = None,
    compute: Compute | None = None,
) -> TrainedModel:
    """Fit the last layer of a network on what its other layers, which stay as they are, say about images.

    The same network, images and compute give the same weights on the same machine.

    Args:
        network: What to start from, with as many outputs as there are classes; its last layer is changed.
        training: The training images.
        validation: The images that the weight decay is chosen by, and accuracy is measured on.
        new_classes: The classes that the network does not know yet.
        features: What gives the penultimate layer's outputs; by default they are computed here.
        compute: How to compute them; by default whatever is fastest, if there are enough images for that to matter.
    """
    started = time.monotonic()
    network.eval()
    if compute is None:
        n_images = len(training.labels) + len(validation.labels)
        compute = embedding_compute(network, training.images, n_images=n_images)
    source = features or NetworkFeatures(compute)
    sides = [(source.embed(network, side), side.labels) for side in (training, validation) if len(side.labels)]
    embedded = time.monotonic()
    network = network.to("cpu").to(memory_format=torch.contiguous_format)
    last = last_linear(network)
    fitted = fit_last_layer(sides[0], sides[1] if len(sides) > 1 else None, start=_start(last, new_classes))
    with torch.no_grad():
        last.weight.copy_(fitted.weight)
        last.bias.copy_(fitted.bias)
    seconds = time.monotonic() - started
    log.info(
        "fitted the last layer on %d images in %.1f s, of which %.1f s for their features",
        len(training.labels),
        seconds,
        embedded - started,
    )
    return TrainedModel(network, (), n_images=len(training.labels), seconds=seconds, compute=compute)


def _start(last: nn.Linear, new_classes: NDArray[np.int64]) -> LastLayer:
    """Return a layer as it is, but with nothing known of new classes."""
    weight, bias = last.weight.detach().clone(), last.bias.detach().clone()
    weight[new_classes] = 0
    bias[new_classes] = 0
    return LastLayer(weight, bias)
