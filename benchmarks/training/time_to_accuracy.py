"""How long it takes from JPEG files to a given test accuracy, from random weights."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.inference.networks import InMemoryImages, classes_of
from benchmarks.memory_runs import in_a_fork
from benchmarks.photos import Photo
from include.config import PROJECT_ROOT, PipelineConfig
from include.images.preprocess import preprocess
from include.models.training import train
from include.models.training_state import EpochProgress

_TEST_EVERY = 6
_PATIENCE = 3.0
"""How many times as long as Driftgate the reference may take; that is enough to see what it does not reach."""


class Split(NamedTuple):
    """Photos to train on, and others to test on."""

    train: list[Photo]
    test: list[Photo]
    classes: tuple[str, ...]


class Reached(NamedTuple):
    """How far a training came."""

    seconds: float
    """From the first file on, to the end of the evaluation that reached the target, or that was the last."""
    accuracy: float
    n_epochs: int
    is_reached: bool


class Race(NamedTuple):
    """Both trainings with one seed."""

    ours: Reached
    reference: Reached

    @property
    def share(self) -> float:
        """What Driftgate needs of the reference's time; at most, if the reference gave up before."""
        return self.ours.seconds / self.reference.seconds


class _Labelled(NamedTuple):
    images: InMemoryImages
    labels: NDArray[np.int64]


class _TargetReachedError(Exception):
    """Ends a training."""


def split(photos: Sequence[Photo]) -> Split:
    """Return the same split of the same photos, each sixth of which is for the test."""
    return Split(
        [photo for place, photo in enumerate(photos) if place % _TEST_EVERY],
        [photo for place, photo in enumerate(photos) if not place % _TEST_EVERY],
        classes_of(photos),
    )


def race(parts: Split, config: PipelineConfig, folder: Path, *, target: float, seed: int) -> Race:
    """Train with Driftgate, then with the reference, to the same accuracy.

    Args:
        parts: The photos.
        config: A pipeline: its network, its images' size, and how it trains.
        folder: Where files may be put.
        target: The test accuracy.
        seed: Of both.
    """
    ours: Reached = in_a_fork(
        lambda: _train_ours(parts, config, target=target, seed=seed), sampled_every_s=1.0
    ).returned
    return Race(
        ours, _train_reference(parts, config, folder, target=target, seed=seed, at_most=_PATIENCE * ours.seconds)
    )


def _train_ours(parts: Split, config: PipelineConfig, *, target: float, seed: int) -> Reached:
    started = time.monotonic()
    train_side, test_side = (_decoded(photos, parts.classes, config) for photos in (parts.train, parts.test))
    epochs: list[Reached] = []

    def note(progress: EpochProgress) -> None:
        accuracy = progress.validation_accuracy or 0.0
        epochs.append(Reached(time.monotonic() - started, accuracy, progress.epoch, accuracy >= target))
        if accuracy >= target:
            raise _TargetReachedError

    with suppress(_TargetReachedError):
        train(
            images=train_side.images,
            labels=train_side.labels,
            validation=test_side,  # type: ignore[arg-type]  # it has what is used
            classes=parts.classes,
            architecture=config.model.architecture,
            weights="none",
            settings=config.training,
            seed=seed,
            horizontal_flip=config.training.horizontal_flip,
            on_epoch=note,
        )
    return epochs[-1]


def _decoded(photos: Sequence[Photo], classes: tuple[str, ...], config: PipelineConfig) -> _Labelled:
    urls = [photo.path.as_uri() for photo in photos]
    prepared = preprocess(urls, size=config.preprocessing.size, jpeg_detail=config.preprocessing.jpeg_detail)
    labels = np.array([classes.index(photos[image.index].label) for image in prepared.images], dtype=np.int64)
    return _Labelled(InMemoryImages(prepared.pixels[[image.row for image in prepared.images]]), labels)


def _train_reference(
    parts: Split, config: PipelineConfig, folder: Path, *, target: float, seed: int, at_most: float
) -> Reached:
    lists = {}
    for name, photos in (("train", parts.train), ("test", parts.test)):
        lists[name] = folder / f"{name}.tsv"
        lines = [f"{photo.path.resolve()}\t{parts.classes.index(photo.label)}" for photo in photos]
        lists[name].write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.peers.reference_training", "--seed", str(seed)]
    command += ["--architecture", config.model.architecture, "--size", str(config.preprocessing.size)]
    command += ["--train", str(lists["train"]), "--test", str(lists["test"])]
    command += ["--target", str(target), "--at-most", str(at_most)]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    last = json.loads(done.stdout.splitlines()[-1])
    return Reached(last["seconds"], last["accuracy"], last["epoch"], last["accuracy"] >= target)
