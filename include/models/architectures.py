"""The networks by name, and what their training starts from.

`small_cnn` needs no torchvision, whose import costs seconds; the other names of `include.config.Architecture` are
torchvision's.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from include.config_parts import Architecture
from include.config_types import PROJECT_ROOT
from include.errors import ModelError

log = logging.getLogger(__name__)

SMALL_CNN = "small_cnn"
_SHOWN_TENSORS = 3


def build(architecture: str, *, n_classes: int, weights: str = "none") -> nn.Module:
    """Build a network for images [b, 3, s, s] that answers with logits [b, n_classes].

    Args:
        architecture: A name of `include.config.Architecture`.
        n_classes: How many classes it tells apart.
        weights: `none` (random, from torch's current seed), `DEFAULT` (torchvision's, downloaded on first use), or the
            path of a safetensors file, from the project's root if it is relative. The last layer stays random if its
            weights were made for another number of classes, and always with `DEFAULT`, whose classes are ImageNet's.

    Raises:
        ModelError: There is no such architecture, there are no such weights, or they belong to another architecture.
    """
    if architecture not in get_args(Architecture):
        known = ", ".join(get_args(Architecture))
        raise ModelError(f"there is no architecture {architecture!r}: set model.architecture to one of {known}")
    if architecture == SMALL_CNN and weights == "DEFAULT":
        raise ModelError(
            "small_cnn has no DEFAULT weights: set model.weights to none or to a safetensors file, or choose a "
            "torchvision architecture (resnet18, …)"
        )
    model = _small_cnn(n_classes) if architecture == SMALL_CNN else _torchvision_model(architecture, n_classes)
    if weights == "DEFAULT":
        _load(model, _downloaded_weights(architecture), origin=f"DEFAULT of {architecture}", keep_last_layer=True)
    elif weights != "none":
        path = PROJECT_ROOT / weights
        _load(model, _read_weights(path), origin=str(path), keep_last_layer=False)
    return model


def last_linear(model: nn.Module) -> nn.Linear:
    """Return the layer that makes the logits: the last linear one, in all architectures."""
    return named_last_linear(model)[1]


def named_last_linear(model: nn.Module) -> tuple[str, nn.Linear]:
    """Return the last linear layer and its name, which its tensors' names begin with, as in `fc.weight`."""
    return [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1]


def _small_cnn(n_classes: int) -> nn.Sequential:
    """Seven layers, six of them convolutions, for images of 8 to 96 px.

    The first convolution halves the image, which costs digits of 16 px nothing and makes 96 px four times cheaper; the
    average over all positions makes one network fit every size.
    """

    def convolution(n_in: int, n_out: int, *, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
        padding = kernel // 2
        # no bias: the normalisation that follows has one
        layer = nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=padding, bias=False)
        return [layer, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)]

    def halve() -> nn.Module:
        return nn.MaxPool2d(2, ceil_mode=True)  # rounding up, so that 8 px never come down to nothing

    return nn.Sequential(
        *convolution(3, 16, kernel=5, stride=2),
        halve(),
        *convolution(16, 32),
        halve(),
        *convolution(32, 64),
        *convolution(64, 64),
        halve(),
        *convolution(64, 128),
        *convolution(128, 128),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, n_classes),
    )


def _torchvision_model(architecture: str, n_classes: int) -> nn.Module:
    from torchvision.models import get_model  # four seconds that small_cnn need not pay

    model: nn.Module = get_model(architecture, weights=None, num_classes=n_classes)
    return model


def _downloaded_weights(architecture: str) -> Mapping[str, Tensor]:
    """Return torchvision's best weights, from the cache of torch.hub or from download.pytorch.org.

    This is what `get_model(name, weights="DEFAULT")` does, which would however unpickle the file without
    `weights_only`.
    """
    from torchvision.models import get_model_weights

    try:
        tensors: Mapping[str, Tensor] = get_model_weights(architecture).DEFAULT.get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
    except Exception as error:  # the network, the disk, a wrong hash, a torn file: torch.hub promises no types
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise ModelError(
            f"DEFAULT weights of {architecture}: cannot be downloaded to or read from {folder} "
            f"({type(error).__name__}: {error}): check the network, delete a torn file there, or set model.weights to "
            f"none or to a safetensors file"
        ) from error
    return tensors


def _read_weights(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise ModelError(f"model.weights: there is no file {path}: give none, DEFAULT or a safetensors file")
    try:
        tensors: Mapping[str, Tensor] = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise ModelError(f"model.weights: {path} is not a safetensors file ({error}): save it as one") from error
    return tensors


def _load(model: nn.Module, tensors: Mapping[str, Tensor], *, origin: str, keep_last_layer: bool) -> None:
    """Copy tensors into a model; only its last layer may go without.

    Args:
        model: What to load into.
        tensors: Tensors by the names that the model has for them.
        origin: Where they come from, for messages.
        keep_last_layer: Leave the last layer as it is, even where the tensors fit it.

    Raises:
        ModelError: Outside the last layer a tensor is missing, has another shape, or is one the model does not have.
    """
    wanted = model.state_dict()
    last_layer = f"{named_last_linear(model)[0]}."
    not_loaded = {
        name
        for name, tensor in wanted.items()
        if name not in tensors
        or tensors[name].shape != tensor.shape
        or (keep_last_layer and name.startswith(last_layer))
    }
    wrong = [
        _difference(name, wanted, tensors) for name in wanted if name in not_loaded and not name.startswith(last_layer)
    ]
    wrong += [f"{name} is not part of the model" for name in tensors if name not in wanted]
    if wrong:
        more = f" and {len(wrong) - _SHOWN_TENSORS} more" if len(wrong) > _SHOWN_TENSORS else ""
        raise ModelError(
            f"model.weights: {origin} holds the weights of another architecture: {'; '.join(wrong[:_SHOWN_TENSORS])}"
            f"{more}: choose the architecture that it was made for, or weights: none"
        )
    model.load_state_dict({name: tensors[name] for name in wanted if name not in not_loaded}, strict=False)
    log.info(
        "loaded %d of %d tensors from %s, left random: %s",
        len(wanted) - len(not_loaded),
        len(wanted),
        origin,
        ", ".join(sorted(not_loaded)) or "none",
    )


def _difference(name: str, wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> str:
    if name not in tensors:
        return f"{name} is missing"
    return f"{name} has shape {list(tensors[name].shape)}, not {list(wanted[name].shape)}"
