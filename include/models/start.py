"""The network that a training starts from when it is not from scratch: the champion's, as far as it fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from include.config_parts import ModelConfig, PreprocessingConfig, Strategy, TrainingConfig
from include.images.preprocessing import preprocessing_digest
from include.models.architectures import build, last_linear
from include.models.artefact import LoadedModel

WARM_EPOCHS = 0.2
"""The share of the epochs of a training from scratch that one from the champion's weights takes."""
WARM_LR = 0.1
"""The share of the peak learning rate: with all of it the champion would first be forgotten."""


@dataclass(frozen=True, kw_only=True)
class StartedFrom:
    """Which version a training started from, and what was made of it."""

    strategy: Strategy
    version: int
    weights_sha256: str

    def __str__(self) -> str:
        return f"version {self.version} ({self.weights_sha256[:12]}, {self.strategy})"


class TrainingStart(NamedTuple):
    """A version whose network a training may start from."""

    version: int
    loaded: LoadedModel

    def recorded(self, strategy: Strategy) -> StartedFrom:
        """Return what is told of it."""
        return StartedFrom(strategy=strategy, version=self.version, weights_sha256=self.loaded.card.weights_sha256)

    def unfit_for(self, model: ModelConfig, preprocessing: PreprocessingConfig, classes: Sequence[str]) -> str | None:
        """Say why a training cannot start from it; None: it can."""
        card = self.loaded.card
        if card.architecture != model.architecture:
            return f"it is a {card.architecture}, {model.architecture} is wanted"
        if card.preprocessing.size != preprocessing.size:
            return f"it is for images of {card.preprocessing.size} px, these have {preprocessing.size} px"
        if card.preprocessing_digest != preprocessing_digest(preprocessing):
            return "its images were preprocessed in another way"
        if not set(card.classes) & set(classes):
            return f"none of its classes ({', '.join(card.classes)}) is among those of the data set"
        return None

    def network(self, classes: Sequence[str]) -> nn.Module:
        """Return a copy of its network for other classes, in evaluation mode.

        The last layer keeps the rows of the classes that both have; the others are random, from torch's current seed.
        """
        card, theirs = self.loaded.card, self.loaded.model
        model = build(card.architecture, n_classes=len(classes))
        last = last_linear(model)
        rows = {name: tensor.clone() for name, tensor in last.named_parameters()}
        known = {label: row for row, label in enumerate(card.classes)}
        with torch.no_grad():
            for name, tensor in last_linear(theirs).named_parameters():
                for row, label in enumerate(classes):
                    if label in known:
                        rows[name][row] = tensor[known[label]]
        own = {id(tensor) for tensor in last.parameters()}
        kept = {name for name, tensor in model.named_parameters() if id(tensor) in own}
        weights = theirs.state_dict()
        model.load_state_dict({name: weights[name] for name in model.state_dict() if name not in kept}, strict=False)
        last.load_state_dict(rows)
        return model.eval()


def shortened(settings: TrainingConfig) -> TrainingConfig:
    """Return the settings of a training that starts from trained weights: fewer epochs, a lower peak."""
    return settings.model_copy(
        update={
            "n_epochs": max(1, round(WARM_EPOCHS * settings.n_epochs)),
            "base_lr": WARM_LR * settings.base_lr,
        }
    )


def first_network(model: ModelConfig, classes: Sequence[str], start: TrainingStart | None) -> nn.Module:
    """Return the network that training begins with: of a version, or as the pipeline file says.

    Raises:
        ModelError: It cannot be built.
    """
    if start is not None:
        return start.network(classes)
    return build(model.architecture, n_classes=len(classes), weights=model.weights)
