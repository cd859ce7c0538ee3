"""A pipeline file for a folder of images: values that fit what was found, each with its reason beside it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.commands.console import printable
from include.commands.demo.folder import ImageFolder
from include.commands.demo.machine import Machine
from include.commands.demo.names import pipeline_name
from include.config_parts import SMALL_CNN_MAX_SIZE, Architecture, ImagesConfig
from include.config_types import STAGE_URL

_TEMPLATES = Path(__file__).parent / "templates"
_COMMENT_COLUMN = 36
_LONGEST_LABEL = 20

_SMALL_SIZES = (8, 16, 24, 32, 48, 64, SMALL_CNN_MAX_SIZE)
_LARGE_SIZES = (128, 160, 192, 224)
"""Those of torchvision's networks, which were made for 224 px."""

_N_EPOCHS = (3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
_BUDGET = 75_000
"""How many images training goes over at 96 px, all epochs together: a few minutes on two cores."""
_GPU_BUDGET = 200_000
"""The same for resnet18 at 224 px on a GPU."""

_MAX_WINDOW, _MIN_WINDOW = 200, 20
_MAX_TASKS = 128
"""The most that `InferenceConfig` lets a run have."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What depends on the images and the machine."""

    architecture: Architecture
    size: int
    n_epochs: int
    downsample_to: float
    batch_size: int
    min_accuracy: float
    window: int
    max_tasks: int


def choose(
    *, n_by_class: Mapping[str, int], n_new: int, short_side: int, max_bad_fraction: float, machine: Machine
) -> Choices:
    """Choose values that make a first model in minutes, and a verdict on the first new images.

    The gate is meant to refuse only a model that has learnt nothing: with m for the share of the largest class, which
    is what always giving that answer reaches, it asks for m + (1 - m) / 10.

    Args:
        n_by_class: The labelled images of each class.
        n_new: The new images.
        short_side: The shorter side, in pixels, that most images have at least.
        max_bad_fraction: The share of images that may be broken, and then count for no window.
        machine: Where it is to be trained.
    """
    n_training = sum(n_by_class.values())
    is_large = machine.has_gpu and short_side >= _LARGE_SIZES[0]
    sizes = _LARGE_SIZES if is_large else _SMALL_SIZES
    size = max((step for step in sizes if step <= short_side), default=sizes[0])
    budget = _GPU_BUDGET if is_large else _BUDGET * SMALL_CNN_MAX_SIZE / size
    n_epochs = min(_N_EPOCHS, key=lambda n: abs(math.log(n * n_training / budget)))
    largest = max(n_by_class.values()) / n_training
    answered = int(n_new * (1 - max_bad_fraction)) // 10 * 10
    share = math.floor(100 * budget / (n_epochs * n_training)) / 100  # what the fewest epochs must leave out
    return Choices(
        architecture="resnet18" if is_large else "small_cnn",
        size=size,
        n_epochs=n_epochs,
        downsample_to=min(1.0, max(0.01, share)) if n_epochs == _N_EPOCHS[0] else 1.0,
        batch_size=_batch_size(n_training),
        min_accuracy=math.floor(100 * (largest + (1 - largest) / 10)) / 100,
        window=min(_MAX_WINDOW, max(_MIN_WINDOW, answered)),
        max_tasks=min(_MAX_TASKS, machine.n_cores),
    )


def _batch_size(n_training: int) -> int:
    """Return a size that gives a small data set enough steps and a large one speed."""
    for limit, size in ((300, 16), (1_000, 32), (50_000, 64)):
        if n_training < limit:
            return size
    return 128


def pipeline_text(
    folder: ImageFolder, *, training_url: str, incoming_url: str, recipient: str, machine: Machine
) -> str:
    """Return the text of the pipeline file.

    Args:
        folder: What was found.
        training_url: Where the files of the training stage lie.
        incoming_url: Where those of the incoming stage lie.
        recipient: Who gets the mails.
        machine: Where it is to be trained.
    """
    n_by_class = folder.n_by_class
    largest_class = max(n_by_class, key=lambda label: n_by_class[label])
    max_bad_fraction = ImagesConfig().max_bad_fraction
    chosen = choose(
        n_by_class=n_by_class,
        n_new=len(folder.new),
        short_side=folder.headers.short_side,
        max_bad_fraction=max_bad_fraction,
        machine=machine,
    )
    facts: dict[str, Any] = {
        **vars(chosen),
        "name": pipeline_name(folder.root),
        "root": printable(str(folder.root)),
        "n_training": len(folder.training),
        "n_new": len(folder.new),
        "n_classes": len(n_by_class),
        "first_class": _shortened(next(iter(n_by_class))),
        "is_held_back": folder.is_held_back,
        "machine": machine,
        "training_url": training_url,
        "incoming_url": incoming_url,
        "own_training": _own_url(folder.root / "train"),
        "own_incoming": "a folder of new images" if folder.is_held_back else _own_url(folder.root / "new"),
        "headers": folder.headers,
        "max_bad_fraction": max_bad_fraction,
        "largest_class": _shortened(largest_class),
        "largest_share": n_by_class[largest_class] / len(folder.training),
        "recipient": recipient,
    }
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=False,  # noqa: S701  it is YAML
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"line": _line, "number": "{:,}".format, "quoted": _quoted}
    return environment.get_template("pipeline.yaml.j2").render(facts)


def _line(text: str) -> str:
    """Return a line up to its comment; the comments stand below each other."""
    return f"{text}  ".ljust(_COMMENT_COLUMN)


def _shortened(label: str) -> str:
    """Return a class's name as it fits into a comment."""
    shown = printable(label)
    return shown if len(shown) <= _LONGEST_LABEL else f"{shown[:_LONGEST_LABEL]}…"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _own_url(folder: Path) -> str:
    """Return the URL of the user's own folder, or what stands in its way."""
    url = f"file://{folder}/"
    shown = printable(url)
    if shown == url and STAGE_URL.fullmatch(url):
        return url
    return f"{shown} (as soon as its name has no spaces, quotes, braces, % and invisible characters)"
