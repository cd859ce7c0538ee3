"""The models of the benchmark: trained on one half of the photos, and what they answer to the other half.

A world is what happens to all images, one shift after the other. Each network is trained in some worlds and answers
the held-out images in others; its answers are all that the rows of the benchmark look at.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.shifts import CLEAN, GRID, SIDE, Shift, shift_all, statistics_of
from include.config_parts import TrainingConfig
from include.images.decode import decode

if TYPE_CHECKING:  # torch takes seconds that the processes which only look at answers need not pay
    from torch import nn

    from include.models.features import FeatureProjection

SEED = 0
"""Of the halves; networks have seeds of their own."""
_N_EPOCHS = 30

World = tuple[Shift, ...]

UPRIGHT: World = (CLEAN,)
TURNED: World = (Shift("rotation", 20),)
"""A camera that hangs askew."""
TURNED_NOISY: World = (*TURNED, Shift("noise", 0.2))
"""Its sensor breaks."""
TURNED_FURTHER: World = (Shift("rotation", 45),)
"""It sags further."""
SIDEWAYS: World = (Shift("rotation", 90),)
UPSIDE_DOWN: World = (Shift("rotation", 180),)
"""Photos whose EXIF orientation was not heeded."""


def name_of(world: World) -> str:
    """Return a world as tables and files name it."""
    return " + ".join(shift.name for shift in world)


@dataclass(frozen=True, kw_only=True)
class Network:
    """What a network is trained on, and in which worlds it is asked."""

    name: str
    seed: int
    trained_in: tuple[World, ...] = (UPRIGHT,)
    asked_in: tuple[World, ...]
    share: float = 1.0
    """Of the training half, as an older version had fewer images."""
    damage: float = 0.0
    """Noise that is laid over its weights at last, in standard deviations of each tensor, to ask it once more."""

    @property
    def damaged(self) -> str:
        """The name under which its answers with damaged weights are found; those are asked for when it is upright."""
        return f"{self.name}, damaged"


NETWORKS: tuple[Network, ...] = (
    Network(
        name="champion",
        seed=1,
        damage=0.4,
        asked_in=(UPRIGHT, *((shift,) for shift in GRID), TURNED_NOISY, TURNED_FURTHER),
    ),
    Network(name="previous", seed=2, share=0.8, asked_in=(UPRIGHT, *((shift,) for shift in GRID))),
    Network(name="trained sideways", seed=3, trained_in=(SIDEWAYS,), asked_in=(UPRIGHT, SIDEWAYS)),
    Network(name="trained upside down", seed=4, trained_in=(UPSIDE_DOWN,), asked_in=(UPRIGHT, UPSIDE_DOWN)),
    Network(
        name="knows turned images",
        seed=5,
        trained_in=(UPRIGHT, TURNED),
        asked_in=(UPRIGHT, TURNED, TURNED_NOISY, TURNED_FURTHER),
    ),
    Network(
        name="knows images turned further",
        seed=6,
        trained_in=(TURNED, TURNED_FURTHER),
        asked_in=(UPRIGHT, TURNED, TURNED_NOISY, TURNED_FURTHER),
    ),
)


@dataclass(frozen=True, eq=False)
class Photos:
    """Labelled photos, decoded."""

    pixels: NDArray[np.uint8]
    """RGB, [n, SIDE, SIDE, 3]."""
    labels: NDArray[np.int64]
    """The place of each photo's class in `classes`, [n]."""
    sizes: NDArray[np.int64]
    """The width and the height of each photo before it was resized, [n, 2]."""
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the pixels of these photos: what makes it a source of images."""
        return self.pixels[indices]

    def subset(self, places: NDArray[np.int64]) -> "Photos":
        """Return these photos."""
        return Photos(self.pixels[places], self.labels[places], self.sizes[places], self.classes)

    def moved_to(self, world: World) -> "Photos":
        """Return the same photos in another world."""
        return replace(self, pixels=shift_all(self.pixels, world))


class Answers(NamedTuple):
    """What a network says of the held-out photos in one world, and what these look like."""

    logits: NDArray[np.float32]
    """[n, n_classes]."""
    features: NDArray[np.float32]
    """[n, n_features], projected."""
    statistics: NDArray[np.float64]
    """[n, 5], the columns as in `shifts.STATISTICS`."""


class Recordings:
    """The held-out photos' labels, and every network's answers to them.

    Args:
        folder: Where `record_all` has put them.
    """

    def __init__(self, folder: Path) -> None:
        with np.load(folder / "labels.npz") as stored:
            self.labels: NDArray[np.int64] = stored["labels"]
            self.classes: tuple[str, ...] = tuple(stored["classes"].tolist())
        self._answers: dict[tuple[str, str], Answers] = {}
        for network in NETWORKS:
            with np.load(_answers_file(folder, network)) as stored:
                for asked in {key.rpartition("/")[0] for key in stored.files}:
                    name, _, world = asked.partition("/")
                    self._answers[name, world] = Answers(*(stored[f"{asked}/{part}"] for part in Answers._fields))

    def answers(self, network: str, world: World) -> Answers:
        """Return what a network says in a world."""
        return self._answers[network, name_of(world)]

    def accuracy(self, network: str, world: World) -> float:
        """Return a network's accuracy on all held-out photos in a world: its true one."""
        return _accuracy(self.answers(network, world), self.labels)


def read_photos(folder: Path) -> Photos:
    """Read the photos below train/<class>/ and new/<class>/.

    Raises:
        FileNotFoundError: There are none.
    """
    files = sorted(path for path in folder.glob("*/*/*") if path.is_file())
    if not files:
        raise FileNotFoundError(f"{folder} has no photos: it needs train/<class>/* and new/<class>/*")
    classes = sorted({path.parent.name for path in files})
    with ThreadPoolExecutor(max_workers=2) as threads:
        decoded = list(threads.map(lambda path: decode(path.read_bytes(), size=SIDE), files))
    return Photos(
        pixels=np.stack([image.pixels for image in decoded]),
        labels=np.array([classes.index(path.parent.name) for path in files], dtype=np.int64),
        sizes=np.array([(image.statistics.width, image.statistics.height) for image in decoded], dtype=np.int64),
        classes=tuple(classes),
    )


def halves(photos: Photos) -> tuple[Photos, Photos]:
    """Return the half that is trained on, and the half that is held out."""
    order = np.random.default_rng(SEED).permutation(len(photos))
    middle = len(photos) // 2
    return photos.subset(order[:middle]), photos.subset(order[middle:])


def write_labels(photos: Photos, folder: Path) -> None:
    """Write down the labels of the held-out photos."""
    _, held_out = halves(photos)
    np.savez(folder / "labels.npz", labels=held_out.labels, classes=np.array(held_out.classes))


def record(photos: Photos, network: Network, folder: Path) -> str:
    """Train a network, and write down its answers to the held-out photos; return how that went.

    A network whose answers lie in the folder is not trained again.
    """
    target = _answers_file(folder, network)
    if target.exists():
        return f"{network.name}: its answers were there"
    started = time.monotonic()
    training, held_out = halves(photos)
    model, projection = _train(training, network)
    seconds = time.monotonic() - started
    answers = {
        f"{network.name}/{name_of(world)}": _ask(model, projection, held_out.moved_to(world))
        for world in network.asked_in
    }
    if network.damage:
        _damage(model, network)
        answers[f"{network.damaged}/{name_of(UPRIGHT)}"] = _ask(model, projection, held_out)
    _write_answers(answers, target)
    all_seconds = time.monotonic() - started
    accuracies = {asked: _accuracy(one, held_out.labels) for asked, one in answers.items()}
    shown = ", ".join(f"{asked.rpartition('/')[2]} {accuracy:.3f}" for asked, accuracy in accuracies.items())
    return f"{network.name}: trained in {seconds:.0f} s, asked in {all_seconds - seconds:.0f} s: {shown}"


def _write_answers(answers: Mapping[str, Answers], target: Path) -> None:
    """Write them whole or not at all."""
    arrays = {f"{asked}/{part}": array for asked, one in answers.items() for part, array in one._asdict().items()}
    written = target.with_suffix(".part.npz")
    np.savez(written, **arrays)
    written.replace(target)


def _accuracy(answers: Answers, labels: NDArray[np.int64]) -> float:
    return float((answers.logits.argmax(axis=1) == labels).mean())


def _answers_file(folder: Path, network: Network) -> Path:
    return folder / f"{network.name.replace(' ', '_')}.npz"


def _train(training: Photos, network: Network) -> "tuple[nn.Module, FeatureProjection]":
    """Train with the product's own settings, in arithmetic that gives the same weights in each run."""
    from include.models.compute import Compute
    from include.models.features import FeatureProjection, fitting_places
    from include.models.prediction import predict_outputs
    from include.models.training import train
    from include.store.dataset import LabelledImages

    n_used = round(network.share * len(training))
    seen = _in_worlds(training.subset(np.arange(n_used)), network.trained_in)
    nothing = seen.subset(np.arange(0))
    trained = train(
        images=seen,
        labels=seen.labels,
        validation=LabelledImages(nothing, nothing.labels, (), ()),
        classes=seen.classes,
        architecture="small_cnn",
        weights="none",
        settings=TrainingConfig(n_epochs=_N_EPOCHS // len(network.trained_in)),
        seed=network.seed,
        horizontal_flip=True,
        compute=Compute(),
    )
    model = trained.model
    fitted_on = seen.subset(fitting_places(len(seen)))
    outputs = predict_outputs(model, fitted_on, reduce=lambda outputs: outputs, compute=Compute()).features
    return model, FeatureProjection.fit(outputs)


def _in_worlds(photos: Photos, worlds: Sequence[World]) -> Photos:
    """Return the photos in each of the worlds."""
    moved = [photos.moved_to(world) for world in worlds]
    return Photos(
        np.concatenate([of_world.pixels for of_world in moved]),
        np.concatenate([of_world.labels for of_world in moved]),
        np.concatenate([of_world.sizes for of_world in moved]),
        photos.classes,
    )


def _ask(model: "nn.Module", projection: "FeatureProjection", photos: Photos) -> Answers:
    from include.models.compute import Compute
    from include.models.prediction import predict_outputs

    outputs = predict_outputs(model, photos, reduce=projection.project, compute=Compute())
    return Answers(outputs.logits, outputs.features, statistics_of(photos.pixels, photos.sizes))


def _damage(model: "nn.Module", network: Network) -> None:
    import torch

    generator = torch.Generator().manual_seed(network.seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(network.damage * parameter.std() * noise)
