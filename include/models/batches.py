"""Batches of images, gathered in the background while the model computes."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from include.store.pixels import ImageSource

_N_AHEAD = 2


def even_batches(indices: NDArray[np.int64], *, batch_size: int) -> list[NDArray[np.int64]]:
    """Cut indices into batches of equal size, give or take one, so that each image weighs the same in its step.

    No batch has a single image, on which batch normalisation fails, as long as there are two: rather than that, one may
    be an image too large.

    Args:
        indices: What to cut; its order is kept.
        batch_size: The size of a batch, at least 2.
    """
    n_batches = max(1, min(-(-len(indices) // batch_size), len(indices) // 2))
    return np.array_split(indices, n_batches)


def in_order(n_images: int, *, batch_size: int) -> list[NDArray[np.int64]]:
    """Cut the places of images into batches of one size; the last one may be smaller."""
    places = np.arange(n_images, dtype=np.int64)
    return [places[start : start + batch_size] for start in range(0, n_images, batch_size)]


def gathered(images: ImageSource, batches: Iterable[NDArray[np.int64]]) -> Iterator[NDArray[np.uint8]]:
    """Yield the pixels [b, s, s, 3] of each batch, in order, gathering the next ones meanwhile.

    Whatever gathering raises is raised here, in its turn.
    """
    pending: deque[Future[NDArray[np.uint8]]] = deque()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="gather") as executor:
        try:
            for indices in batches:
                pending.append(executor.submit(images.gather, indices))
                if len(pending) > _N_AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
