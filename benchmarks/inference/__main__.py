"""What inference reaches: `python -m benchmarks.inference`, from a staged JPEG to a committed row.

Each network is measured in rounds: the machine's limit, Driftgate, and each peer, one after the other. Measure on a
machine that does nothing else: the load at the start is written down with the figures.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torchvision.models  # noqa: F401 - each fork of this process would import it anew

from benchmarks.figures import RESULTS, Figure, as_markdown, write
from benchmarks.inference.accuracy import accuracy_given_up, training_half
from benchmarks.inference.comparison import Comparison, Sizes, compare
from benchmarks.inference.driftgate_runs import staged_photos
from benchmarks.inference.networks import NETWORKS, MadeNetwork, Network, classes_of, make_network
from benchmarks.inference.peers import OWN_PYTHON
from benchmarks.inference.table import accuracy_figure, comparison_figures, memory_figures, signed_figure
from benchmarks.memory_runs import in_a_fork
from benchmarks.photos import Photo, generate_photos, read_photos, spread, stage_photos
from include.models.architectures import SMALL_CNN

_N_GENERATED = 600


class _Extent(NamedTuple):
    """How much is measured in all."""

    sizes: Sizes
    memory_photos: tuple[int, int]
    n_photos: int | None
    """The most different photos; None: all."""
    is_quick: bool


_FULL = _Extent(
    Sizes(
        n_rounds=3, most=12_000, few_share=0.1, limit_photos=320, limit_seconds=3.0, has_peers=True, is_compiling=True
    ),
    memory_photos=(3_000, 12_000),
    n_photos=None,
    is_quick=False,
)
_QUICK = _Extent(
    Sizes(n_rounds=1, most=96, few_share=0.5, limit_photos=128, limit_seconds=0.1, has_peers=False, is_compiling=False),
    memory_photos=(48, 96),
    n_photos=96,
    is_quick=True,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the figures."""
    options = _options(arguments)
    extent = _QUICK if options.quick else _FULL
    if options.runs:
        extent = extent._replace(sizes=extent.sizes._replace(n_rounds=options.runs))
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    networks = [network for network in NETWORKS if network.architecture in options.networks]
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")  # the first run is to find nothing there
        photos = _photos(options.dataset, folder, extent)
        figures = _measure(networks, photos, folder, extent=extent, machine=machine)
    figures = _with_those_before(figures, networks, options.results / "inference.json")
    remarks = _remarks(options.dataset, extent)
    write(figures, options.results / "inference.json", remarks=remarks)
    print(as_markdown(figures, remarks=remarks))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    parser.add_argument("--dataset", type=Path, help="folders of JPEGs, named by their class (default: generated ones)")
    parser.add_argument("--quick", action="store_true", help="a smoke run on few photos, without peers")
    parser.add_argument("-n", "--runs", type=int, help="how many rounds (default: 3)")
    names = [network.architecture for network in NETWORKS]
    parser.add_argument(
        "--networks", nargs="+", choices=names, default=names, help="which; the figures of the others stay as they are"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go (default: %(default)s)")
    return parser.parse_args(arguments)


def _photos(dataset: Path | None, folder: Path, extent: _Extent) -> list[Photo]:
    if dataset is not None:
        photos = read_photos(dataset)
        return spread(photos, extent.n_photos or len(photos))
    return generate_photos(folder / "generated", n_photos=extent.n_photos or _N_GENERATED)


def _measure(
    networks: Sequence[Network], photos: Sequence[Photo], folder: Path, *, extent: _Extent, machine: str
) -> list[Figure]:
    staged_folder, classes = folder / "staged", classes_of(photos)
    n_staged = max(extent.sizes.most, *extent.memory_photos)
    in_a_fork(lambda: stage_photos(photos, staged_folder, n_photos=n_staged))
    made: dict[str, MadeNetwork] = {}
    figures: list[Figure] = []
    (folder / "file").mkdir()
    with staged_photos(folder / "file", staged_folder, urls="file") as staged:
        for network in networks:
            target = folder / network.architecture
            target.mkdir()
            made[network.architecture] = _made(network, photos, target, is_quick=extent.is_quick)
            staged.register(network, made[network.architecture], classes=classes)
            compared = compare(network, made[network.architecture], photos, staged, target, sizes=extent.sizes)
            figures += comparison_figures(compared, machine=machine)
        if networks[-1].architecture != SMALL_CNN:
            return figures
        # The smallest network is where all else but the forward pass weighs most.
        small, comparison = networks[-1], compared
        given_up = in_a_fork(
            lambda: accuracy_given_up(small, comparison.made, photos, comparison.rounds[0].many.labels)
        ).returned
        few, many = (staged.answer(small, n_images=n_images, watch_memory=True) for n_images in extent.memory_photos)
    figures += _signed(small, comparison, folder, staged_folder, classes=classes)
    figures.append(accuracy_figure(small.title, given_up))
    return figures + memory_figures(small.title, comparison.first, few, many, model_bytes=comparison.made.n_bytes)


def _with_those_before(figures: Sequence[Figure], networks: Sequence[Network], file: Path) -> list[Figure]:
    """Return the figures with what a run before has found of the networks that are not measured in this one."""
    others = [network for network in NETWORKS if network not in networks] if file.is_file() else []
    before = [Figure(**row) for row in json.loads(file.read_text(encoding="utf-8"))] if others else []
    kept = [figure for figure in before if any(figure.measure.startswith(network.title) for network in others)]
    titles = [network.title for network in NETWORKS]
    return sorted(
        [*kept, *figures],
        key=lambda figure: next(place for place, title in enumerate(titles) if figure.measure.startswith(title)),
    )


def _made(network: Network, photos: Sequence[Photo], target: Path, *, is_quick: bool) -> MadeNetwork:
    used, classes = training_half(photos), classes_of(photos)
    made: MadeNetwork = in_a_fork(
        lambda: make_network(network, used, target, classes=classes, is_quick=is_quick)
    ).returned
    return made


def _signed(
    network: Network, comparison: Comparison, folder: Path, staged_folder: Path, *, classes: Sequence[str]
) -> list[Figure]:
    (folder / "signed").mkdir()
    with staged_photos(folder / "signed", staged_folder, urls="signed") as staged:
        staged.register(network, comparison.made, classes=classes)
        n_images = comparison.rounds[0].many.n_images
        runs = [staged.answer(network, n_images=n_images) for _ in comparison.rounds]
    return [signed_figure(network.title, runs, [one.many.images_per_second for one in comparison.rounds])]


def _remarks(dataset: Path | None, extent: _Extent) -> list[str]:
    remarks = []
    if dataset is None:
        remarks.append("The photos are generated: give --dataset FOLDER for real ones.")
    if not in_a_fork(torch.cuda.is_available).returned:
        remarks.append("Nothing was measured with CUDA: this machine has no GPU that torch can use.")
    if extent.sizes.has_peers and not OWN_PYTHON.exists():
        remarks.append("Ray Data was not measured: `make benchmarks/peers/.venv/.installed` makes its environment.")
    return remarks


if __name__ == "__main__":
    main()
