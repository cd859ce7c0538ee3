"""A network in two parts: the backbone, which sees, and the head, which names what is seen.

The head is the last linear layer. Two versions with the same backbone see the same in an image, so that what one of
them has seen answers for the other, too: logits are a product of stored features and the head's weights.
"""

import hashlib
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from include.models.architectures import last_linear
from include.models.artefact import LoadedModel
from include.models.compute import IMAGENET, Compute, Normalisation
from include.store.backbone_features import BackboneId


class Backbone(NamedTuple):
    """A network, and the name of what it sees."""

    model: nn.Module
    """All of it, as what goes into its last layer is looked at on its way."""
    normalisation: Normalisation
    id: BackboneId

    @classmethod
    def of(
        cls,
        model: nn.Module,
        *,
        architecture: str,
        preprocessing_digest: str,
        normalisation: Normalisation = IMAGENET,
    ) -> Self:
        """Name the backbone of a network that gets images preprocessed and normalised so."""
        digest = backbone_digest(
            model, architecture=architecture, preprocessing_digest=preprocessing_digest, normalisation=normalisation
        )
        width = last_linear(model).in_features
        return cls(model, normalisation, BackboneId(preprocessing_digest, digest, width))

    @classmethod
    def of_version(cls, loaded: LoadedModel) -> Self:
        """Name the backbone of a registered version."""
        card = loaded.card
        return cls.of(
            loaded.model,
            architecture=card.architecture,
            preprocessing_digest=card.preprocessing_digest,
            normalisation=Normalisation(*card.normalisation),
        )


def backbone_digest(
    model: nn.Module, *, architecture: str, preprocessing_digest: str, normalisation: Normalisation = IMAGENET
) -> str:
    """Return the SHA-256 of all that decides what a network's penultimate layer says about an image.

    That is the architecture, how images are preprocessed and normalised, and every tensor (name, type, shape, bytes)
    but those of the last linear layer, sorted by name.
    """
    head = last_linear(model)
    name_of_head = next(name for name, module in model.named_modules() if module is head)
    digest = hashlib.sha256()
    for line in (architecture, preprocessing_digest, repr([list(normalisation.mean), list(normalisation.std)])):
        digest.update(f"{line}\n".encode())
    for name, tensor in sorted(model.state_dict().items()):
        if not name.startswith(f"{name_of_head}."):
            digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
            digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    """Return a tensor's numbers in order, whatever its layout in memory."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data  # numpy has no bfloat16


class Head:
    """The last linear layer, as a product of matrices.

    It computes in double precision: an image then gets the same logits in whatever company it is asked about, so that
    an answer that is given again is the same answer.

    Args:
        model: A network of any architecture.
    """

    def __init__(self, model: nn.Module) -> None:
        layer = last_linear(model)
        self._weight = layer.weight.detach().cpu().double().T
        self._bias = layer.bias.detach().cpu().double()

    @property
    def width(self) -> int:
        """How many numbers describe an image."""
        return len(self._weight)

    def logits(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the logits [n, n_classes] of features [n, width]."""
        with Compute().threads():  # one: several wait for each other longer than they compute
            logits = torch.from_numpy(features).double() @ self._weight + self._bias
        answers: NDArray[np.float32] = logits.float().numpy()
        return answers
