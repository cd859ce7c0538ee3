"""What a network without its last layer says about images."""

import time
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from include.errors import ModelError
from include.models.compute import Compute, choose_compute
from include.models.prediction import predict_outputs
from include.store.pixels import ImageSource, SubsetSource

if TYPE_CHECKING:  # only its form: a model knows nothing of the warehouse that the data set is read from
    from include.store.dataset import LabelledImages

_WORTH_CHOOSING_S = 20.0
"""How long embedding must take by the simplest way of computing, so that choosing a faster one pays."""
_TIMED_IMAGES = 32


class Embedder(Protocol):
    """Gives the penultimate layer's outputs, computed or read."""

    def embed(self, model: nn.Module, images: "LabelledImages") -> NDArray[np.float16]:
        """Return what goes into a model's last linear layer, in evaluation mode, [n_images, n_outputs]."""
        ...


class NetworkFeatures:
    """Features that are computed each time.

    Args:
        compute: How to compute.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    def embed(self, model: nn.Module, images: "LabelledImages") -> NDArray[np.float16]:
        """Return what goes into a model's last linear layer, [n_images, n_outputs].

        Raises:
            ModelError: A number is none, or too large for 16 bits.
        """
        outputs = predict_outputs(model, images.images, reduce=lambda outputs: outputs, compute=self._compute)
        features = outputs.features.astype(np.float16)
        if not np.isfinite(features).all():
            raise ModelError("what the network's penultimate layer says does not fit 16 bits: train from scratch")
        return features


def embedding_compute(model: nn.Module, images: ImageSource, *, n_images: int) -> Compute:
    """Choose how to embed images: the simplest way, unless it would take so long that looking for another pays.

    Args:
        model: The network.
        images: Some of the images, at least one.
        n_images: How many there are.
    """
    few = np.arange(min(_TIMED_IMAGES, len(images)), dtype=np.int64)
    simplest, probe = Compute(), SubsetSource(images, few)
    predict_outputs(model, probe, reduce=None, compute=simplest)  # the first pass takes longer than all others
    started = time.monotonic()
    predict_outputs(model, probe, reduce=None, compute=simplest)
    seconds = (time.monotonic() - started) * n_images / len(few)
    if seconds < _WORTH_CHOOSING_S and not torch.cuda.is_available():
        return simplest
    return choose_compute(model, images.gather(few), training=False)
