"""What one would use instead, each in a script of its own: `benchmarks/peers`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.inference.networks import MadeNetwork, Network
from benchmarks.photos import Photo
from benchmarks.standby import Ask
from include.config import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "benchmarks" / "peers"
OWN_PYTHON = FOLDER / ".venv" / "bin" / "python"
"""The environment of what Driftgate does not need; `make benchmarks/peers/.venv/.installed` makes it."""


class Peer(NamedTuple):
    """A script that classifies."""

    title: str
    script: str
    needs_own_environment: bool = False


GUIDE = Peer("the guide's way (open URL, PIL, batches of 80, eager float32)", "guide.py")
DATA_LOADER = Peer("a plain DataLoader (2 workers, torchvision's transforms, eager float32)", "data_loader.py")
RAY_DATA = Peer("Ray Data's map_batches (2 actors)", "ray_data.py", needs_own_environment=True)


def command(peer: Peer, network: Network, made: MadeNetwork, files: Path, *, n_classes: int) -> list[str]:
    """Return what starts a peer.

    Args:
        peer: The peer.
        network: What it classifies with.
        made: The network's files.
        files: A file that names the images, a line each.
        n_classes: How many classes there are.
    """
    python = OWN_PYTHON if peer.needs_own_environment else Path(sys.executable)
    options = ["--architecture", network.architecture, "--weights", str(made.state_dict), "--size", str(network.size)]
    return [str(python), str(FOLDER / peer.script), *options, "--classes", str(n_classes), "--files", str(files)]


def write_list(photos: Sequence[Photo], target: Path, *, n_files: int) -> Path:
    """Write the paths of so many photos, over and over, a line each."""
    lines = [str(photos[number % len(photos)].path.resolve()) for number in range(n_files)]
    target.write_text("\n".join(lines), encoding="utf-8")
    return target


def images_per_second(ask: Ask, sizes: tuple[int, int]) -> float:
    """Return the slope between two numbers of images, which leaves out what a peer needs to start."""
    few, many = (ask(size) for size in sizes)
    return float((many["n"] - few["n"]) / (many["seconds"] - few["seconds"]))


def images_per_second_after_first(ask: Ask, size: int, *how: str) -> float:
    """Return the slope between the first batch and the last one of so many images.

    For a peer whose start takes longer than its work, and differs by more from one to the next. It leaves out what it
    has done beside its first batch, and so rather flatters it.
    """
    answer = ask(size, *how)
    first = answer["first"]
    return float((answer["n"] - first["n"]) / (answer["seconds"] - first["seconds"]))
