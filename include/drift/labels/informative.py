"""Which images teach most: those that the version is unsure of, or has seen nothing like, of all predicted classes."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

N_NEIGHBOURS = 5
"""Which neighbour an image's distance is measured to: the nearest one alone is a matter of chance."""


def novelty(features: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how far images are from what a version was accepted on.

    The distance to the k-th nearest neighbour, as a multiple of the one that is usual among the known images (Sun et
    al., "Out-of-distribution detection with deep nearest neighbors", ICML 2022).

    Args:
        features: [n, n_features]; a row that is not all numbers is an image whose features nobody knows.
        known: [m, n_features], a sample of the version's held-out images.

    Returns:
        [n]; not a number where it is not known, everywhere if the sample is too small to have neighbours.
    """
    unknown = np.full(len(features), np.nan)
    known = known[np.isfinite(known).all(axis=1)] if known.size else known
    if len(known) <= N_NEIGHBOURS + 1 or features.ndim != 2 or features.shape[1:] != known.shape[1:]:
        return unknown
    # Each of the known ones is its own nearest neighbour.
    usual = float(np.median(_neighbour_distance(known, known, N_NEIGHBOURS + 1)))
    if usual <= 0:
        return unknown
    is_known = np.isfinite(features).all(axis=1)
    unknown[is_known] = _neighbour_distance(features[is_known], known, N_NEIGHBOURS) / usual
    return unknown


def most_informative(
    classes: Sequence[str], confidences: NDArray[np.float64], novelties: NDArray[np.float64], n: int
) -> list[int]:
    """Return the places of the images that teach most, the best first.

    Doubt (1 - confidence) and novelty count by their ranks, equally. Each predicted class in turn gives its best one,
    so that one class about which the version doubts a lot does not take all places.

    Args:
        classes: The predicted class of each image.
        confidences: [n_images]; what is not a number is no confidence at all.
        novelties: [n_images]; what is not a number counts as usual.
        n: How many are wanted.
    """
    doubt = 1 - np.nan_to_num(confidences, nan=0.0, posinf=0.0, neginf=0.0)
    score = _ranks(doubt) + _ranks(novelties)
    by_class: dict[str, list[int]] = defaultdict(list)
    for place in np.argsort(-score, kind="stable").tolist():
        by_class[classes[place]].append(place)
    in_turn = sorted(
        ((turn, -score[place], place) for places in by_class.values() for turn, place in enumerate(places))
    )
    return [place for _, _, place in in_turn[:n]]


def _neighbour_distance(rows: NDArray[np.float32], known: NDArray[np.float32], k: int) -> NDArray[np.float64]:
    """Return the Euclidean distance of each row to its k-th nearest neighbour."""
    a, b = rows.astype(np.float64), known.astype(np.float64)
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    nearest: NDArray[np.float64] = np.partition(np.maximum(squared, 0), k - 1, axis=1)[:, k - 1]
    return np.sqrt(nearest)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each value, from 0 to 1; equal ones have the same, what is not a number one in the middle."""
    ranks = np.full(len(values), 0.5)
    is_number = np.isfinite(values)
    ordered = np.sort(values[is_number])
    if ordered.size > 1:
        below = np.searchsorted(ordered, values[is_number], side="left")
        not_above = np.searchsorted(ordered, values[is_number], side="right")
        ranks[is_number] = (below + not_above - 1) / (2 * (ordered.size - 1))
    return ranks
