"""All that changes while a network is trained, and the form in which it is kept: tensors, and the rest as JSON."""

from dataclasses import dataclass, field
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

_MODEL = "model."
_OPTIMIZER = "optimizer."
_GENERATOR = "random.generator"
_CPU = "random.cpu"
_CUDA = "random.cuda"


@dataclass(frozen=True)
class EpochProgress:
    """What one epoch came to."""

    epoch: int
    """From 1 to n_epochs."""
    n_epochs: int
    loss: float
    """The mean over the training images, with augmentation and label smoothing."""
    validation_accuracy: float | None
    """None without validation images."""
    images_per_second: float
    """Training images only; validation is not in it."""
    seconds_left: float
    """Until the end of training, if the epochs to come take as long as those before."""


class Figures(BaseModel):
    """What of a training's state is no tensor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    param_groups: tuple[dict[str, Any], ...]
    """The optimizer's: learning rate, momentum and decay of each group of parameters, as the schedule has set them."""
    schedule: dict[str, Any]
    history: tuple[EpochProgress, ...]
    seconds: float
    """Spent on it, by all tries."""


@dataclass
class TrainingState:
    """All that changes from epoch to epoch."""

    model: nn.Module
    optimizer: Optimizer
    schedule: LRScheduler
    generator: torch.Generator
    """Order and augmentation of the images; what a network draws itself (dropout) comes from torch's global ones."""
    history: list[EpochProgress] = field(default_factory=list)

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors of it, torch's global random numbers among them, on the CPU and contiguous."""
        found = {f"{_MODEL}{name}": tensor for name, tensor in self.model.state_dict().items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            found |= {f"{_OPTIMIZER}{number}.{name}": tensor for name, tensor in values.items()}
        found[_GENERATOR] = self.generator.get_state()
        found[_CPU] = torch.get_rng_state()
        if self._is_on_cuda:
            found[_CUDA] = torch.cuda.get_rng_state()
        return {name: tensor.detach().cpu().contiguous() for name, tensor in found.items()}

    def figures(self, *, seconds: float) -> Figures:
        """Return the rest of it."""
        return Figures(
            param_groups=tuple(self.optimizer.state_dict()["param_groups"]),
            schedule=self.schedule.state_dict(),
            history=tuple(self.history),
            seconds=seconds,
        )

    def restore(self, tensors: dict[str, Tensor], figures: Figures) -> None:
        """Become what was kept; the model has to be on its device and in its memory layout already."""
        self.model.load_state_dict(_below(_MODEL, tensors))
        self.optimizer.load_state_dict(
            {"state": self._optimizer_values(tensors), "param_groups": [_group(kept) for kept in figures.param_groups]}
        )
        self.schedule.load_state_dict(figures.schedule)
        self.history = list(figures.history)
        self.generator.set_state(tensors[_GENERATOR])
        torch.set_rng_state(tensors[_CPU])
        if self._is_on_cuda and _CUDA in tensors:
            torch.cuda.set_rng_state(tensors[_CUDA])

    def _optimizer_values(self, tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
        """Return the optimizer's tensors by the numbers of its parameters.

        What is as large as its parameter gets its layout, too: in another one a step takes twice as long.
        """
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        values: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below(_OPTIMIZER, tensors).items():
            number, _, what = name.partition(".")
            parameter = parameters[int(number)]
            if tensor.shape == parameter.shape and tensor.ndim:
                tensor = torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(tensor)  # noqa: PLW2901
            values.setdefault(int(number), {})[what] = tensor
        return values

    @property
    def _is_on_cuda(self) -> bool:
        return next(self.model.parameters()).is_cuda


def difference(tensors: dict[str, Tensor], model: nn.Module) -> str | None:
    """Say in what the kept tensors do not fit a model; None: they do."""
    wanted = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: list(tensor.shape) for name, tensor in _below(_MODEL, tensors).items()}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if not wrong:
        return None
    return f"its tensor {wrong[0]} is {found.get(wrong[0], 'missing')}, the network's {wanted.get(wrong[0], 'missing')}"


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _group(kept: dict[str, Any]) -> dict[str, Any]:
    """Return a group of parameters as the optimizer has it: JSON knows no tuples."""
    return {name: tuple(value) if name == "betas" else value for name, value in kept.items()}
