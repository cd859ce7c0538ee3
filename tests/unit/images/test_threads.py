"""The bounded thread map."""

import threading
import time
from collections.abc import Iterator

import pytest

from include.images.threads import map_ordered, map_unordered


def test_every_item_comes_back_once() -> None:
    results = map_unordered(lambda n: n * n, range(100), n_threads=4, look_ahead=8)

    assert sorted(results) == [n * n for n in range(100)]


def test_items_are_taken_only_as_far_as_the_look_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in range(100):
            taken.append(n)
            yield n

    results = map_unordered(lambda n: n, items(), n_threads=2, look_ahead=5)
    for n_yielded in range(1, 30):
        next(results)
        assert len(taken) <= n_yielded + 5


def test_calls_run_at_once() -> None:
    barrier = threading.Barrier(3, timeout=10)

    results = list(map_unordered(lambda _: barrier.wait(), range(3), n_threads=3, look_ahead=3))

    assert sorted(results) == [0, 1, 2]


def test_an_exception_ends_the_iteration_and_the_threads() -> None:
    def fail(n: int) -> int:
        raise KeyError(n)

    before = threading.active_count()
    with pytest.raises(KeyError):
        list(map_unordered(fail, range(100), n_threads=2, look_ahead=4))

    assert threading.active_count() == before


def test_ordered_results_come_in_the_order_of_the_items_and_no_further_ahead_than_allowed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in range(20):
            taken.append(n)
            yield n

    results = map_ordered(lambda n: (time.sleep(0.02 * (n == 0)), n)[1], items(), n_threads=3, look_ahead=5)

    assert next(results) == 0
    assert len(taken) <= 6
    assert list(results) == list(range(1, 20))


def test_an_ordered_error_is_raised_in_its_turn() -> None:
    def fail(n: int) -> int:
        if n == 3:
            raise ValueError("the fourth")
        return n

    results = map_ordered(fail, range(10), n_threads=4, look_ahead=8)

    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the fourth"):
        next(results)
