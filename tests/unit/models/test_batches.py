import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_images import InMemoryImages

from include.models.batches import even_batches, gathered


@given(n_images=st.integers(2, 500), batch_size=st.integers(2, 70))
def test_batches_hold_each_image_once_and_none_is_alone(n_images: int, batch_size: int) -> None:
    indices = np.arange(n_images)

    batches = even_batches(indices, batch_size=batch_size)

    sizes = [len(batch) for batch in batches]
    assert np.array_equal(np.concatenate(batches), indices)
    assert min(sizes) >= 2
    assert max(sizes) <= max(batch_size, 3)
    assert max(sizes) - min(sizes) <= 1


def numbered(n_images: int) -> InMemoryImages:
    return InMemoryImages(np.arange(n_images, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8))


def test_batches_come_in_order() -> None:
    batches = [np.array([5, 1]), np.array([0]), np.array([9, 8, 7]), np.array([2])]

    found = [pixels[:, 0, 0, 0].tolist() for pixels in gathered(numbered(10), batches)]

    assert found == [[5, 1], [0], [9, 8, 7], [2]]


def test_the_next_batch_is_gathered_while_one_is_used() -> None:
    third = threading.Event()

    class Watched(InMemoryImages):
        def gather(self, indices: np.ndarray) -> np.ndarray:
            if indices[0] == 2:
                third.set()
            return super().gather(indices)

    batches = gathered(Watched(numbered(10).pixels), [np.array([index]) for index in range(10)])
    next(batches)

    assert third.wait(timeout=5)
    batches.close()


def test_what_gathering_raises_arrives_in_its_turn() -> None:
    batches = gathered(numbered(3), [np.array([0]), np.array([99])])

    assert next(batches).shape == (1, 2, 2, 3)
    with pytest.raises(IndexError):
        next(batches)


def test_no_thread_is_left_behind_when_the_reader_stops_early() -> None:
    before = threading.active_count()

    batches = gathered(numbered(10), [np.array([index]) for index in range(10)])
    next(batches)
    batches.close()

    assert threading.active_count() == before
