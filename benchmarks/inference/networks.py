"""The networks that classify, with what is expected of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from benchmarks.photos import Photo, spread
from include.config_parts import Architecture, PreprocessingConfig, TrainingConfig
from include.images.preprocessing import preprocessing_digest
from include.models.architectures import SMALL_CNN, build, last_linear
from include.models.artefact import save
from include.models.features import FeatureProjection
from include.models.prediction import predict_outputs
from include.models.training import train

SEED = 7
_N_SETTLING = 128
_RIDGE = 0.1
_LOGIT_SCALE = 10.0


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network, how many images it gets, and what Driftgate has to reach with it."""

    architecture: Architecture
    title: str
    size: int
    """The side of its images, in pixels."""
    share_of_limit: float
    """What end-to-end inference has to reach of the machine's limit."""
    over_guide: float | None = None
    """How many times the images per second of the guide's way it has to reach; None: it is not compared."""
    over_data_loader: float | None = None
    peer_images: tuple[int, int] = (0, 0)
    """The two numbers of images between which a peer's slope is taken."""


NETWORKS: tuple[Network, ...] = (
    Network(
        architecture="resnet50",
        title="ResNet50 at 224 px",
        size=224,
        share_of_limit=0.90,
        over_guide=4.5,
        over_data_loader=4.0,
        peer_images=(80, 160),
    ),
    Network(
        architecture="mobilenet_v3_large",
        title="MobileNetV3-large at 224 px",
        size=224,
        share_of_limit=0.85,
        over_guide=7.0,
        over_data_loader=6.0,
        peer_images=(80, 400),
    ),
    Network(architecture=SMALL_CNN, title="the small CNN at 96 px", size=96, share_of_limit=0.80),
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
    network: Network, photos: Sequence[Photo], folder: Path, *, classes: tuple[str, ...], n_epochs: int
) -> MadeNetwork:
    """Make a network's weights from a fixed seed, and write its files into a folder.

    The small CNN is trained for some epochs. The others stay random, which is as fast; but their normalisation is
    settled on some photos and their last layer is fitted to those, so that answers differ from image to image and a
    check of their agreement has something to check.

    Args:
        network: What to make.
        photos: What it is trained or settled on.
        folder: Where to; it is made.
        classes: The names of the classes.
        n_epochs: How long the small CNN is trained.
    """
    torch.manual_seed(SEED)
    is_trained = network.architecture == SMALL_CNN
    used = photos if is_trained else spread(photos, _N_SETTLING)
    pixels = plain_pixels(used, network.size)
    labels = np.array([classes.index(photo.label) for photo in used], dtype=np.int64)
    if is_trained:
        model = _train(pixels, labels, classes, n_epochs=n_epochs)
    else:
        model = _settled(build(network.architecture, n_classes=len(classes)), pixels, labels, n_classes=len(classes))
    seen = InMemoryImages(pixels[:: -(-len(pixels) // _N_SETTLING)])
    projection = FeatureProjection.fit(_penultimate(model, seen))
    preprocessing = PreprocessingConfig(size=network.size)
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
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    torch.save(tensors, folder / "weights.pt")
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    return MadeNetwork(saved.folder, saved.card_sha256, folder / "weights.pt", n_bytes)


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


def _settled(model: nn.Module, pixels: NDArray[np.uint8], labels: NDArray[np.int64], *, n_classes: int) -> nn.Module:
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    mean, std = torch.tensor([0.45] * 3).view(1, 3, 1, 1), torch.tensor([0.225] * 3).view(1, 3, 1, 1)
    with torch.inference_mode():
        for start in range(0, len(pixels), 64):
            batch = torch.from_numpy(pixels[start : start + 64]).permute(0, 3, 1, 2).float() / 255
            model.train()((batch - mean) / std)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    seen = torch.from_numpy(_penultimate(model.eval(), InMemoryImages(pixels))).double()
    centre, spread_ = seen.mean(dim=0), seen.std() + 1e-12
    features = (seen - centre) / spread_
    wanted = nn.functional.one_hot(torch.from_numpy(labels), n_classes).double()
    # the dual form of ridge regression: there are fewer images than features
    kernel = features @ features.T
    ridge = _RIDGE * kernel.diagonal().mean() * torch.eye(len(features), dtype=torch.float64)
    weight = _LOGIT_SCALE * (features.T @ torch.linalg.solve(kernel + ridge, wanted)) / spread_
    layer = last_linear(model)
    with torch.no_grad():
        layer.weight.copy_(weight.T)
        layer.bias.copy_(-(centre @ weight))
    return model


def _penultimate(model: nn.Module, images: InMemoryImages) -> NDArray[np.float32]:
    return predict_outputs(model, images, reduce=lambda outputs: outputs).features
