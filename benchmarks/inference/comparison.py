"""One network's measurements, in rounds: the limit, Driftgate, and each peer, one after the other, again and again."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.inference.driftgate_runs import Inference, StagedPhotos
from benchmarks.inference.limit import BATCH_SIZE, Limit, measuring_limit
from benchmarks.inference.networks import MadeNetwork, Network
from benchmarks.inference.peers import (
    DATA_LOADER,
    GUIDE,
    OWN_PYTHON,
    RAY_DATA,
    command,
    images_per_second,
    images_per_second_after_first,
    write_list,
)
from benchmarks.photos import Photo, spread
from benchmarks.standby import script_on_standby, standby
from include.models.agreement import PROBE_IMAGES

RAY_BFLOAT16 = "Ray Data's map_batches, bfloat16 and channels_last added"


class Sizes(NamedTuple):
    """How much is measured."""

    n_rounds: int
    most: int
    """The most photos that Driftgate answers in a run."""
    few_share: float
    """The share of these in a smaller run, for the slope."""
    limit_photos: int
    """Photos that the limit is measured on."""
    limit_seconds: float
    """How long decoding, and the forward pass, are measured in each round."""
    has_peers: bool
    is_compiling: bool
    """Whether the limit tries compiled networks."""


class Round(NamedTuple):
    """What was measured one after the other."""

    limit: Limit
    many: Inference
    few: Inference
    peers: Mapping[str, float]
    """Images per second by the peer's name."""

    @property
    def slope(self) -> float:
        """Driftgate's images per second between the smaller run and the larger one."""
        return (self.many.n_images - self.few.n_images) / (self.many.seconds - self.few.seconds)


class Comparison(NamedTuple):
    """All rounds of one network."""

    network: Network
    made: MadeNetwork
    first: Inference
    """The first run of the version on this machine: how to compute is chosen, and compiled."""
    rounds: Sequence[Round]


def compare(
    network: Network, made: MadeNetwork, photos: Sequence[Photo], staged: StagedPhotos, folder: Path, *, sizes: Sizes
) -> Comparison:
    """Measure a network.

    Args:
        network: The network.
        made: Its files.
        photos: The photos that lie in the stage.
        staged: The stage, with a version of the network.
        folder: Where files may be put.
        sizes: How much is measured.
    """
    n_classes = len({photo.label for photo in photos})
    of_limit = spread(photos, sizes.limit_photos)
    with ExitStack() as stack:
        limit = stack.enter_context(
            standby(
                lambda: measuring_limit(
                    network,
                    made,
                    of_limit,
                    probed=_first_of_stage(photos),
                    seconds=sizes.limit_seconds,
                    compiling=sizes.is_compiling,
                )
            )
        )
        peers: dict[str, Callable[[], Mapping[str, float]]] = {}
        if sizes.has_peers and network.over_guide is not None:
            files = write_list(spread(photos, 2 * network.peer_images[1]), folder / "files", n_files=4_000)
            for peer in (GUIDE, DATA_LOADER):
                ask = stack.enter_context(script_on_standby(command(peer, network, made, files, n_classes=n_classes)))
                peers[peer.title] = lambda ask=ask, title=peer.title: {
                    title: images_per_second(ask, network.peer_images)
                }
            if OWN_PYTHON.exists():
                peers[RAY_DATA.title] = lambda: _ray_data(network, made, files, n_classes=n_classes)
        n_many = min(network.n_images, sizes.most)
        limit()  # waits until it is ready, so that nothing is compiled beside what is measured
        first = staged.answer(network, n_images=n_many)
        rounds = []
        for number in range(sizes.n_rounds):
            measured_limit = limit()
            many = staged.answer(network, n_images=n_many, tell_labels=True)
            few = staged.answer(network, n_images=round(sizes.few_share * n_many))
            rates: dict[str, float] = {}
            for measure in peers.values():
                rates |= measure()
            rounds.append(Round(measured_limit, many, few, rates))
            print(_told(network, number, rounds[-1]), flush=True)
    return Comparison(network, made, first, rounds)


def _first_of_stage(photos: Sequence[Photo]) -> list[Photo]:
    """Return the photos that Driftgate compares ways to compute on, in whole batches."""
    n_batches = min(-(-PROBE_IMAGES // BATCH_SIZE), len(photos) // BATCH_SIZE)
    in_order = sorted(range(len(photos)), key=lambda place: (photos[place].label, place))
    return [photos[place] for place in in_order[: n_batches * BATCH_SIZE]]


def _ray_data(network: Network, made: MadeNetwork, files: Path, *, n_classes: int) -> Mapping[str, float]:
    """Measure Ray Data. Its cluster is ended in between: some ten processes that wait take something of a core."""
    _, many = network.peer_images
    with script_on_standby(command(RAY_DATA, network, made, files, n_classes=n_classes)) as ask:
        return {
            RAY_DATA.title: images_per_second_after_first(ask, many),
            # more, as it is faster
            RAY_BFLOAT16: images_per_second_after_first(ask, 2 * many, "bfloat16"),
        }


def _told(network: Network, number: int, measured: Round) -> str:
    rates: dict[str, float] = defaultdict(float)
    rates |= {"limit": measured.limit.images_per_second, "Driftgate": measured.many.images_per_second}
    rates |= {"by the slope": measured.slope, **measured.peers}
    return f"{network.title}, round {number + 1}: " + ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items())
