"""A classifier in two parts: the backbone, and the last linear layer that makes logits of what the backbone says."""

import copy
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from include.models.architectures import named_last_linear
from include.models.compute import Normalisation, normalise


class Outputs(NamedTuple):
    """What comes out of a network for a batch of images, in their order."""

    logits: NDArray[np.float32]
    """[b, n_classes]."""
    penultimate: NDArray[np.float32]
    """[b, n_outputs], what goes into the last linear layer; [b, 0] if it was not asked for."""


class SplitNetwork(nn.Module):
    """A classifier that returns what its penultimate layer says beside the logits, from one pass and without hooks.

    Hooks would not be in what is compiled. The parameters are those of the model that it was made from. The last layer
    is computed in float32 however the backbone is: it takes no time, and logits that half precision rounds to three
    digits tie where float32 tells two classes apart.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = _split(model)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Map inputs [b, 3, s, s] to float32 logits [b, n_classes] and penultimate layer's outputs [b, n_outputs]."""
        penultimate = self.backbone(inputs).float()
        with torch.autocast(inputs.device.type, enabled=False):
            return self.head(penultimate), penultimate


class FromPixels(nn.Module):
    """A split network with the normalisation before it, so that both are compiled as one."""

    def __init__(self, network: SplitNetwork, normalisation: Normalisation) -> None:
        super().__init__()
        self.network = network
        self.normalisation = normalisation

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Map pixels (uint8 [b, s, s, 3], RGB) to logits and the penultimate layer's outputs, both float32."""
        outputs: tuple[Tensor, Tensor] = self.network(normalise(pixels, self.normalisation))
        return outputs


def in_numpy(logits: Tensor, penultimate: Tensor, *, want_features: bool) -> Outputs:
    """Bring what a network says to the CPU."""
    kept = penultimate.cpu().numpy() if want_features else np.empty((len(logits), 0), dtype=np.float32)
    return Outputs(logits.cpu().numpy(), kept)


def _split(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Return a copy of a model whose last linear layer lets everything through, and that layer; no tensor is copied.

    A model without such a layer stays in one piece.
    """
    if not any(isinstance(module, nn.Linear) for module in model.modules()):
        return model, nn.Identity()
    name, head = named_last_linear(model)
    if not name:
        return nn.Identity(), head
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    backbone = copy.deepcopy(model, shared)
    parent, _, attribute = name.rpartition(".")
    setattr(backbone.get_submodule(parent), attribute, nn.Identity())
    return backbone, head


def as_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """Return pixels as a tensor that shares their memory where it can."""
    # torch warns about arrays that it could write to and must not, such as a view of a mapped file
    return torch.from_numpy(np.require(pixels, requirements=["C", "W"]))
