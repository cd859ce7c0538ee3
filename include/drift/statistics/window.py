"""A window of answers, as counts: all that a check knows of it, whatever the number of answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from include.models.baseline import MAX_FEATURES

__all__ = ["MAX_FEATURES", "WindowCounts"]


def _no_features() -> NDArray[np.float32]:
    return np.empty((0, 0), dtype=np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowCounts:
    """The champion's answers of a window, counted in the warehouse, and a bounded sample of what the network saw."""

    counts_by_class: Mapping[str, tuple[int, ...]]
    """For every class of the baseline, and every other predicted one, the answers in each bin of confidence."""
    image_statistics: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """For each of `STATISTIC_EDGES` the images in each of its bins. Empty: they were not measured."""
    features: NDArray[np.float32] = field(default_factory=_no_features)
    """[n, n_features], at most `MAX_FEATURES` of the window's images; [0, 0]: none are known."""
    n_invalid: int = 0
    """Answers whose confidence is not a number or not in 0…1: they are in no bin."""
    n_undecodable: int = 0
    """Images that came with those of the window and could not be decoded."""

    @property
    def n_images(self) -> int:
        """The answers that are in a bin."""
        return sum(sum(of_bins) for of_bins in self.counts_by_class.values())
