"""The networks that classify, with what is expected of each."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from benchmarks.inference.large_networks import PLANS, TRAINED_AT_ONCE, train_large
from benchmarks.photos import Photo
from include.config_parts import Architecture, PreprocessingConfig, TrainingConfig
from include.images.decode import decode
from include.images.preprocessing import preprocessing_digest
from include.models.architectures import SMALL_CNN, build
from include.models.artefact import save
from include.models.features import FeatureProjection
from include.models.prediction import predict_outputs
from include.models.training import train

SEED = 7
KEPT = Path(".local/benchmarks")
"""Where trained networks are kept for the next run of the benchmark."""
_N_PROJECTED = 128
_N_EPOCHS = 8
"""How long the small CNN is trained."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network, how many images it gets, and what Driftgate has to reach with it."""

    architecture: Architecture
    title: str
    size: int
    """The side of its images, in pixels."""
    n_images: int
    """How many images Driftgate answers in a run."""
    share_of_limit: float
    """What end-to-end inference has to reach of the machine's limit."""
    over_guide: float | None = None
    """How many times the images per second of the guide's way it has to reach; None: it is not compared."""
    over_data_loader: float | None = None
    peer_images: tuple[int, int] = (0, 0)
    """The two numbers of images between which a peer's slope is taken."""


JPEG_DETAIL: Literal[1, 2] = 1
"""As in pipelines/clothing.yaml."""

NETWORKS: tuple[Network, ...] = (
    Network(
        architecture="resnet50",
        title="ResNet50 at 224 px",
        size=224,
        n_images=3_000,
        share_of_limit=0.90,
        over_guide=4.5,
        over_data_loader=4.0,
        peer_images=(80, 160),
    ),
    Network(
        architecture="mobilenet_v3_large",
        title="MobileNetV3-large at 224 px",
        size=224,
        n_images=3_000,
        share_of_limit=0.85,
        over_guide=7.0,
        over_data_loader=6.0,
        peer_images=(80, 400),
    ),
    Network(architecture=SMALL_CNN, title="the small CNN at 96 px", size=96, n_images=12_000, share_of_limit=0.80),
)


class InMemoryImages:
    """An image source over pixels in memory, [n, size, size, 3]."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self._pixels)

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the images at these places."""
        return self._pixels[indices]


class _Labelled(NamedTuple):
    """What training has to know of images to validate on."""

    images: InMemoryImages
    labels: NDArray[np.int64]


class MadeNetwork(NamedTuple):
    """The files of a network."""

    artefact: Path
    """A folder, as `include.models.artefact` saves it."""
    card_sha256: str
    state_dict: Path
    """Its weights, as torch saves them, for peers."""
    n_bytes: int
    """Of its weights."""


def prepared_pixels(photos: Sequence[Photo], preprocessing: PreprocessingConfig) -> NDArray[np.uint8]:
    """Decode photos as Driftgate's own tasks do: [n, size, size, 3]."""
    size, detail = preprocessing.size, preprocessing.jpeg_detail
    return np.stack([decode(photo.path.read_bytes(), size=size, jpeg_detail=detail).pixels for photo in photos])


def plain_pixels(photos: Sequence[Photo], size: int) -> NDArray[np.uint8]:
    """Decode photos in full and resize them, without any of the ways to do less."""
    pixels = np.empty((len(photos), size, size, 3), dtype=np.uint8)
    for place, photo in enumerate(photos):
        with Image.open(photo.path) as image:
            pixels[place] = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return pixels


def classes_of(photos: Sequence[Photo]) -> tuple[str, ...]:
    """Return the classes, sorted."""
    return tuple(sorted({photo.label for photo in photos}))


def make_network(
    network: Network, photos: Sequence[Photo], folder: Path, *, classes: tuple[str, ...], is_quick: bool
) -> MadeNetwork:
    """Train a network from a fixed seed, or take the one that the same photos made before, and write its files.

    Args:
        network: What to make.
        photos: What it is trained on.
        folder: Where to; it is made.
        classes: The names of the classes.
        is_quick: Whether it learns next to nothing, and is not kept.
    """
    preprocessing = PreprocessingConfig(size=network.size, jpeg_detail=JPEG_DETAIL)
    model = build(network.architecture, n_classes=len(classes))
    weights = KEPT / f"{network.architecture}-{_digest(network, photos)}.pt"
    pixels = prepared_pixels(photos, preprocessing)
    if weights.is_file():
        model.load_state_dict(torch.load(weights, weights_only=True))
    else:
        labels = np.array([classes.index(photo.label) for photo in photos], dtype=np.int64)
        model = _trained(network, pixels, labels, classes, is_quick=is_quick)
        if not is_quick:
            KEPT.mkdir(parents=True, exist_ok=True)
            torch.save(_tensors(model), weights)
    seen = InMemoryImages(pixels[:: -(-len(pixels) // _N_PROJECTED)])
    projection = FeatureProjection.fit(_penultimate(model.eval(), seen))
    saved = save(
        folder / "artefact",
        model,
        architecture=network.architecture,
        classes=classes,
        preprocessing=preprocessing,
        preprocessing_digest=preprocessing_digest(preprocessing),
        temperature=1.0,
        snapshot_id="bench",
        projection=projection,
    )
    tensors = _tensors(model)
    torch.save(tensors, folder / "weights.pt")
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    return MadeNetwork(saved.folder, saved.card_sha256, folder / "weights.pt", n_bytes)


def _digest(network: Network, photos: Sequence[Photo]) -> str:
    """Return a digest of what decides a network's weights."""
    names = [(photo.path.name, photo.label) for photo in photos]
    told = [network.size, SEED, JPEG_DETAIL, _N_EPOCHS, TRAINED_AT_ONCE, PLANS.get(network.architecture), names]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _trained(
    network: Network, pixels: NDArray[np.uint8], labels: NDArray[np.int64], classes: tuple[str, ...], *, is_quick: bool
) -> nn.Module:
    if network.architecture == SMALL_CNN:
        return _train(pixels, labels, classes, n_epochs=1 if is_quick else _N_EPOCHS)
    plan = () if is_quick else PLANS[network.architecture]
    return train_large(network.architecture, pixels, labels, n_classes=len(classes), seed=SEED, plan=plan)


def _tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}


def _train(
    pixels: NDArray[np.uint8], labels: NDArray[np.int64], classes: tuple[str, ...], *, n_epochs: int
) -> nn.Module:
    nobody = _Labelled(InMemoryImages(pixels[:0]), labels[:0])
    return train(
        images=InMemoryImages(pixels),
        labels=labels,
        validation=nobody,  # type: ignore[arg-type]  # it has what is used
        classes=classes,
        architecture=SMALL_CNN,
        weights="none",
        settings=TrainingConfig(n_epochs=n_epochs),
        seed=SEED,
        horizontal_flip=True,
    ).model


def _penultimate(model: nn.Module, images: InMemoryImages) -> NDArray[np.float32]:
    return predict_outputs(model, images, reduce=lambda outputs: outputs).features
