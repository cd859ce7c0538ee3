"""A pipeline file for images that were found: values that fit them, each with its reason beside it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.commands.console import printable
from include.commands.new.headers import Headers
from include.commands.new.machine import Machine
from include.config_parts import SMALL_CNN_MAX_SIZE, Architecture, ImagesConfig

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


@dataclass(frozen=True, kw_only=True)
class WrittenStage:
    """A stage as it stands in the file."""

    name: str
    url: str | None
    """None: the stage is there already, and `setup` leaves it as it is."""
    prefix: str = ""
    notes: tuple[str, ...] = ()
    """What is said of it, a line each."""


@dataclass(frozen=True, kw_only=True)
class PipelineFile:
    """What a pipeline file is written from."""

    about: tuple[str, ...]
    """The lines at its top: what it is, by whom it was written, and what is still to be done."""
    name: str
    place: tuple[str, str] | None = None
    """The database and the schema; None: the defaults."""
    training: WrittenStage
    incoming: WrittenStage
    label_pattern: str = "^(?P<label>[^/]+)/"
    n_by_class: Mapping[str, int]
    n_new: int
    headers: Headers
    """Of images that were looked at; at least one can be read."""
    machine: Machine
    horizontal_flip: bool = True
    recipient: str | None
    """Who gets the mails; None: nobody yet."""
    is_hourly: bool

    @property
    def max_bad_fraction(self) -> float:
        """The share of images that may be broken."""
        return ImagesConfig().max_bad_fraction

    @property
    def n_training(self) -> int:
        """How many labelled images there are."""
        return sum(self.n_by_class.values())

    @property
    def first_class(self) -> str:
        """A class, as it may stand in a comment."""
        return _shortened(next(iter(self.n_by_class)))

    @property
    def largest_class(self) -> str:
        """The class with the most images, as it may stand in a comment."""
        return _shortened(max(self.n_by_class, key=lambda label: self.n_by_class[label]))

    @property
    def largest_share(self) -> float:
        """The share of the images that are of that class."""
        return max(self.n_by_class.values()) / self.n_training

    def choices(self) -> Choices:
        """Return what depends on the images and the machine."""
        return choose(
            n_by_class=self.n_by_class,
            n_new=self.n_new,
            short_side=self.headers.short_side,
            max_bad_fraction=self.max_bad_fraction,
            machine=self.machine,
        )

    def text(self) -> str:
        """Return the text of the file."""
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=False,  # noqa: S701  it is YAML
            undefined=StrictUndefined,
            trim_blocks=True,
            keep_trailing_newline=True,
        )
        environment.globals |= {"line": _line, "number": "{:,}".format, "quoted": _quoted}
        return environment.get_template("pipeline.yaml.j2").render(file=self, chosen=self.choices())


def _line(text: str) -> str:
    """Return a line up to its comment; the comments stand below each other."""
    return f"{text}  ".ljust(_COMMENT_COLUMN)


def _shortened(label: str) -> str:
    """Return a class's name as it fits into a comment."""
    shown = printable(label)
    return shown if len(shown) <= _LONGEST_LABEL else f"{shown[:_LONGEST_LABEL]}…"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
