"""How new images are to a version, as far as the warehouse keeps what its network saw in them."""

import json
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from include.drift.labels.informative import novelty
from include.registry.baselines import read_baseline
from include.warehouse.session import Warehouse


def read_novelties(warehouse: Warehouse, version: int, features: Sequence[str | None]) -> NDArray[np.float64]:
    """Return how far images are from those that a version was accepted on; 1: as far as those from each other.

    Args:
        warehouse: A session.
        version: The version that answered them.
        features: What its network saw in each image, as JSON; None: nobody knows.

    Returns:
        [n_images]; not a number where it is not known.
    """
    baseline = read_baseline(warehouse, version)
    if baseline is None or baseline.features is None:
        return np.full(len(features), np.nan)
    known = baseline.features.rows
    missing = [math.nan] * (known.shape[1] if known.ndim == 2 else 0)
    read = [json.loads(of_image) if of_image else missing for of_image in features]
    rows = [row if len(row) == len(missing) else missing for row in read]
    return novelty(np.array(rows, dtype=np.float32), known)
