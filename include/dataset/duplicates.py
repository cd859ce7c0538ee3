"""Images that are there more than once: the same file, or the same picture in another file."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.dataset.fingerprints import TINY
from include.dataset.images import DatasetImage, Fingerprints

MAX_BITS = 4
"""Of 64: from how many different bits on two pictures are no longer compared."""
MAX_DIFFERENCE = 6.0
"""How much the very small pictures of two copies differ at most on average, of 255."""
_N_BANDS = MAX_BITS + 1
"""Hashes of which at most `MAX_BITS` bits differ agree in one of so many parts (the pigeonhole principle)."""
_MAX_STEPS = 400
"""With how many of those that agree in a part an image is compared at most: where thousands look alike, each still
finds its next ones, and the work stays in proportion to the images."""
_MAX_COPIES = 8
"""How many copies an image leads to in one part; more make no larger group."""


class Group(NamedTuple):
    """Images that are copies of each other."""

    places: tuple[int, ...]
    """At least two, in the order of their paths."""
    is_same_file: bool
    """Whether they are equal byte by byte."""
    labels: tuple[str, ...]
    """The classes that they are in, sorted."""
    sides: tuple[str, ...]
    """The sides that they are on, sorted."""


def same_files(images: Sequence[DatasetImage]) -> list[Group]:
    """Return the groups of equal files, those first that do most harm."""
    by_content: dict[str, list[int]] = defaultdict(list)
    for place, image in enumerate(images):
        if image.content_sha256 is not None:
            by_content[image.content_sha256].append(place)
    return _ordered(images, (found for found in by_content.values() if len(found) > 1), is_same_file=True)


def near_duplicates(images: Sequence[DatasetImage], fingerprints: Fingerprints) -> list[Group]:
    """Return the groups of the same picture in different files, those first that do most harm.

    Two are copies if few bits of their hashes differ and their very small pictures are alike; copies of copies belong
    to the group. Never are all pairs compared: only those that agree in a part of the hash.

    Args:
        images: The images.
        fingerprints: Of some of them; of equal files one is enough.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    once = _one_of_each_content(images, fingerprints)
    hashes, tiny, places = fingerprints.hashes[once], fingerprints.tiny[once], fingerprints.places[once]
    pairs = [pair for band in range(_N_BANDS) for pair in _pairs_of_band(hashes, tiny, band)]
    if not pairs:
        return []
    rows, columns = (np.concatenate(side) for side in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(len(once),) * 2)
    _, component = connected_components(graph, directed=False)
    members: dict[int, list[int]] = defaultdict(list)
    for row in np.unique(np.concatenate([rows, columns])):
        members[int(component[row])].append(int(places[row]))
    return _ordered(images, members.values(), is_same_file=False)


def _one_of_each_content(images: Sequence[DatasetImage], fingerprints: Fingerprints) -> NDArray[np.int64]:
    """Return the rows of the fingerprints, without those of further equal files."""
    seen: dict[str, int] = {}
    for row, place in enumerate(fingerprints.places):
        seen.setdefault(images[place].content_sha256 or str(place), row)
    return np.array(list(seen.values()), dtype=np.int64)


def _pairs_of_band(
    hashes: NDArray[np.uint64], tiny: NDArray[np.uint8], band: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield rows of images that are copies, among those whose hashes agree in one part.

    They are sorted by that part, so that those that agree stand side by side, and each is compared with the one that
    follows, with the one after that, and so on, all at once.
    """
    first, last = 64 * band // _N_BANDS, 64 * (band + 1) // _N_BANDS
    keys = (hashes >> np.uint64(first)) & np.uint64((1 << (last - first)) - 1)
    order = np.lexsort((hashes, keys))
    keys, hashes = keys[order], hashes[order]
    n_copies = np.zeros(len(order), dtype=np.int64)
    left = np.arange(len(order))
    for step in range(1, _MAX_STEPS + 1):
        left = left[left + step < len(order)]
        left = left[(keys[left] == keys[left + step]) & (n_copies[left] < _MAX_COPIES)]
        if not left.size:
            return
        near = left[np.bitwise_count(hashes[left] ^ hashes[left + step]) <= MAX_BITS]
        copies = near[_difference(tiny, order[near], order[near + step]) <= MAX_DIFFERENCE]
        n_copies[copies] += 1
        yield order[copies], order[copies + step]


def _difference(tiny: NDArray[np.uint8], rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean absolute difference of very small pictures, of 255."""
    flat = tiny.reshape(-1, TINY * TINY * 3)
    some, other = (flat[places] for places in (rows, others))
    differences = np.maximum(some, other) - np.minimum(some, other)  # within 8 bits
    means: NDArray[np.float64] = differences.mean(axis=1)
    return means


def _ordered(images: Sequence[DatasetImage], groups: Iterable[Sequence[int]], *, is_same_file: bool) -> list[Group]:
    found = []
    for members in groups:
        places = tuple(sorted(members, key=lambda place: (images[place].side, images[place].path)))
        labels = {label for place in places if (label := images[place].label) is not None}
        sides = {images[place].side for place in places}
        found.append(Group(places, is_same_file, tuple(sorted(labels)), tuple(sorted(sides))))
    return most_harmful_first(found)


def most_harmful_first(groups: Iterable[Group]) -> list[Group]:
    """Return groups in an order: a picture in several classes, one on several sides, then the largest."""
    return sorted(groups, key=lambda of: (len(of.labels) < 2, len(of.sides) < 2, -len(of.places), of.places))
