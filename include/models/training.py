"""Train a network on labelled pixels."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from include.config_parts import TrainingConfig
from include.errors import ModelError
from include.models.architectures import build
from include.models.batches import even_batches
from include.models.checkpoints import Checkpoint, Checkpoints
from include.models.compute import Compute, choose_compute
from include.models.feeding import Feed
from include.models.optimizer import EagerAdamW
from include.models.prediction import predict_logits
from include.models.start import TrainingStart
from include.models.team import ALONE, Team
from include.models.training_state import EpochProgress, TrainingState
from include.store.pixels import ImageSource

if TYPE_CHECKING:  # only its form: a model knows nothing of the warehouse that the data set is read from
    from include.store.dataset import LabelledImages

log = logging.getLogger(__name__)

WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.1
"""Szegedy et al. 2016, section 7: keeps a network on few images from memorising them."""


@dataclass(frozen=True)
class TrainedModel:
    """A model and how it came about."""

    model: nn.Module
    """On the CPU, contiguous, in evaluation mode."""
    history: tuple[EpochProgress, ...]
    n_images: int
    """Training images that were really used."""
    seconds: float
    compute: Compute
    n_processes: int = 1
    """How many have trained it together."""


@dataclass(frozen=True)
class _TrainingPlan:
    """All that stays the same from epoch to epoch."""

    images: ImageSource
    labels: NDArray[np.int64]
    validation: "LabelledImages"
    used: NDArray[np.int64]
    settings: TrainingConfig
    feed: Feed
    compute: Compute
    team: Team
    network: nn.Module
    """The model, as steps call it: with others in its team it takes the mean of their gradients."""


def train(
    *,
    images: ImageSource,
    labels: NDArray[np.int64],
    validation: "LabelledImages",
    classes: tuple[str, ...],
    architecture: str,
    weights: str,
    settings: TrainingConfig,
    seed: int,
    horizontal_flip: bool,
    on_epoch: Callable[[EpochProgress], None] | None = None,
    compute: Compute | None = None,
    checkpoints: Checkpoints | None = None,
    start: TrainingStart | None = None,
    team: Team = ALONE,
) -> TrainedModel:
    """Train a model with AdamW and a one-cycle learning rate (Smith & Topin 2018).

    The weights of the last epoch are the result: the learning rate has then come down to nothing, so that they differ
    little from those before, and choosing an epoch by its validation accuracy would flatter that accuracy and the
    temperature that is fitted on the same images.

    The same seed, images and compute give the same weights on the same machine, also if training was interrupted and
    went on from a checkpoint. Torch's own random numbers and its number of threads are afterwards what they were
    before.

    Args:
        images: The training images, n of them.
        labels: The index in `classes` of each training image, [n].
        validation: What accuracy is measured on after each epoch; may be empty.
        classes: The names of the classes.
        architecture: A name of `include.config.Architecture`.
        weights: What to start from; see `architectures.build`.
        settings: Epochs, batch size, peak learning rate, and the share of the images to use.
        seed: From 0 to 2^63 - 1.
        horizontal_flip: Mirror half of the training images; wrong where left and right matter.
        on_epoch: Called after each epoch of this try.
        compute: How to compute; by default as a checkpoint says, or whatever a few timed steps show to be fastest.
        checkpoints: Where an earlier try may have left off, and this one keeps how far it is; none: it starts afresh.
        start: A version of this architecture whose network is trained on, instead of what `weights` says.
        team: The processes that train this network together, of which this is one.

    Raises:
        ModelError: The labels do not fit the images or the classes, the model cannot be built or is too deep for images
            of this size, or the loss is no longer a number.
    """
    _check_labels(images, labels, validation, classes)
    started = time.monotonic()
    generator = torch.Generator().manual_seed(seed)
    used = share_of_each_class(labels, settings.downsample_to, generator)
    with seeded(seed):
        model = start.network(classes) if start else build(architecture, n_classes=len(classes), weights=weights)
        example = images.gather(used[: settings.batch_size])
        _check_size(model, example, architecture)
        kept = checkpoints.newest(model) if checkpoints else None
        compute = compute or compute_of(kept) or choose_compute(model, example, training=True)
        feed = Feed(images, labels, compute=compute, share=team.share, horizontal_flip=horizontal_flip)
        network = team.joined(compute.place(model))
        plan = _TrainingPlan(images, labels, validation, used, settings, feed, compute, team, network)
        state = _begin(model, plan, generator)
        if kept is not None:
            _go_on(state, kept, n_epochs=settings.n_epochs)
            started -= kept.figures.seconds
        elif checkpoints is not None and team.is_first:
            checkpoints.keep(state, compute, seconds=time.monotonic() - started)
        with compute.threads():
            while len(state.history) < settings.n_epochs:
                progress = _run_epoch(state, plan, seconds_before=time.monotonic() - started)
                if checkpoints is not None and team.is_first:
                    checkpoints.keep(state, compute, seconds=time.monotonic() - started)
                if on_epoch is not None:
                    on_epoch(progress)
        if not team.has_same_weights(state.model):
            raise ModelError("the processes that train together have come to different weights: train with one of them")
    seconds = time.monotonic() - started
    log.info("trained %s on %d images in %.1f s", architecture, len(used), seconds)
    # safetensors refuses tensors that are not contiguous, as those in channels_last are
    trained = state.model.to("cpu").to(memory_format=torch.contiguous_format).eval()
    return TrainedModel(trained, tuple(state.history), n_images=len(used), seconds=seconds, compute=compute)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch draw its random numbers from a seed, and afterwards go on as before."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def _check_labels(
    images: ImageSource, labels: NDArray[np.int64], validation: "LabelledImages", classes: tuple[str, ...]
) -> None:
    for name, n_images, given in (
        ("training", len(images), labels),
        ("validation", len(validation.images), validation.labels),
    ):
        if n_images != len(given):
            raise ModelError(f"{n_images} {name} images have {len(given)} labels: give each image its label")
        if len(given) and (given.min() < 0 or given.max() >= len(classes)):
            raise ModelError(
                f"{name} labels run from {given.min()} to {given.max()}, there are {len(classes)} classes: "
                f"give indices of classes"
            )
    if len(classes) < 2:
        raise ModelError(f"there is nothing to tell apart, the classes are {list(classes)}: label at least two classes")
    unseen = sorted(set(range(len(classes))) - set(labels.tolist()))
    if unseen:
        names = ", ".join(repr(classes[index]) for index in unseen)
        raise ModelError(f"no training image shows {names}: add labelled images of it, or leave the class out")


def _check_size(model: nn.Module, example: NDArray[np.uint8], architecture: str) -> None:
    """Refuse images that come down to nothing on their way through the network."""
    side = example.shape[1]
    try:
        with torch.inference_mode():
            model.eval()(Compute().inputs(example[:1]))
    except RuntimeError as error:
        raise ModelError(
            f"{architecture} cannot be used on images of {side} px: raise preprocessing.size, or choose small_cnn "
            f"({error})"
        ) from error


def share_of_each_class(labels: NDArray[np.int64], share: float, generator: torch.Generator) -> NDArray[np.int64]:
    """Return the sorted indices of a share of each class, at least one image of each."""
    if share == 1.0:
        return np.arange(len(labels), dtype=np.int64)
    kept = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        order = torch.randperm(len(members), generator=generator).numpy()
        kept.append(members[order[: max(1, round(share * len(members)))]])
    return np.sort(np.concatenate(kept)).astype(np.int64)


def _begin(model: nn.Module, plan: _TrainingPlan, generator: torch.Generator) -> TrainingState:
    # a scale or an offset that decays towards zero only fights the normalisation it belongs to
    decaying = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    other = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": decaying, "weight_decay": WEIGHT_DECAY}, {"params": other, "weight_decay": 0.0}]
    optimizer = EagerAdamW(groups, lr=plan.settings.base_lr)
    n_batches = len(even_batches(plan.used, batch_size=plan.settings.batch_size))
    schedule = OneCycleLR(optimizer, plan.settings.base_lr, total_steps=plan.settings.n_epochs * n_batches)
    return TrainingState(model, optimizer, schedule, generator)


def compute_of(kept: Checkpoint | None) -> Compute | None:
    """Return how a checkpoint's epochs were computed, if this machine can compute so."""
    if kept is not None and kept.compute.device == "cuda" and not torch.cuda.is_available():
        log.warning("what is kept was computed on CUDA, which is not here: the weights will be others than with it")
        return None
    return kept.compute if kept is not None else None


def _go_on(state: TrainingState, kept: Checkpoint, *, n_epochs: int) -> None:
    kept.restore(state)
    if kept.epoch:
        log.info("going on from epoch %d of %d, computing on %s", kept.epoch, n_epochs, kept.compute)
    else:
        log.info("an earlier try had no checkpoint yet: starting anew, computing as it did, on %s", kept.compute)


def _run_epoch(state: TrainingState, plan: _TrainingPlan, *, seconds_before: float) -> EpochProgress:
    """Go over all training images once, measure, log, and add the epoch to the history."""
    epoch, n_epochs = len(state.history) + 1, plan.settings.n_epochs
    started = time.monotonic()
    loss = _fit(state, plan)
    if not math.isfinite(loss):
        raise ModelError(
            f"training diverged in epoch {epoch} of {n_epochs}, the loss is {loss}: "
            f"lower training.base_lr (now {plan.settings.base_lr:g})"
        )
    fitting_seconds = time.monotonic() - started
    images_per_second = len(plan.used) / fitting_seconds
    accuracy = _accuracy(state.model, plan)
    seconds = seconds_before + time.monotonic() - started
    progress = EpochProgress(
        epoch, n_epochs, loss, accuracy, images_per_second, seconds_left=seconds / epoch * (n_epochs - epoch)
    )
    state.history.append(progress)
    log.info(
        "epoch %d/%d: loss %.3f, validation accuracy %s, %.0f img/s (waiting for them %.1f %%), %.0f s left",
        epoch,
        n_epochs,
        loss,
        "unknown" if accuracy is None else f"{accuracy:.3f}",
        images_per_second,
        100 * plan.feed.seconds_waited / fitting_seconds,
        progress.seconds_left,
    )
    return progress


def _fit(state: TrainingState, plan: _TrainingPlan) -> float:
    """Take one step for each batch; return the mean loss of the epoch."""
    compute, settings = plan.compute, plan.settings
    order = plan.used[torch.randperm(len(plan.used), generator=state.generator).numpy()]
    batches = even_batches(order, batch_size=settings.batch_size)
    total = torch.zeros((), device=compute.device)
    state.model.train()
    for batch in plan.feed.epoch(batches, state.generator):
        with compute.autocast():
            logits = plan.network(batch.inputs)
        loss = nn.functional.cross_entropy(logits.float(), batch.labels, label_smoothing=LABEL_SMOOTHING)
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        state.schedule.step()
        total += loss.detach() * len(batch.labels)
    return plan.team.sum(total).item() / len(order)


def _accuracy(model: nn.Module, plan: _TrainingPlan) -> float | None:
    if not len(plan.validation.labels) or not plan.team.is_first:
        return None
    logits = predict_logits(model, plan.validation.images, compute=plan.compute)
    return float((logits.argmax(axis=1) == plan.validation.labels).mean())
