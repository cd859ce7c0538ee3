"""Work in threads, with a bound on how much of it is held in memory."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_unordered(function: Callable[[T], R], items: Iterable[T], *, n_threads: int, look_ahead: int) -> Iterator[R]:
    """Apply a function to all items in threads and yield the results as they come, in any order.

    Items are taken, and results are held, only as far as the look-ahead allows: unlike `Executor.map`, which takes all
    items at once. An exception of the function ends the iteration.

    Args:
        function: Called in one of the threads.
        items: Iterated over in the thread of the caller.
        n_threads: How many calls run at once.
        look_ahead: The most items that are waiting, running, or done and not yet yielded.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(max_workers=n_threads) as pool:
        running: set[Future[R]] = {pool.submit(function, item) for item in islice(remaining, look_ahead)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                while done:
                    yield done.pop().result()
                    running.update(pool.submit(function, item) for item in islice(remaining, 1))
        finally:
            for future in running:
                future.cancel()


def map_ordered(function: Callable[[T], R], items: Iterable[T], *, n_threads: int, look_ahead: int) -> Generator[R]:
    """Apply a function to all items in threads and yield the results in the order of the items.

    While a slow item is waited for, others are worked on as far as the look-ahead allows. An exception of the function
    is raised in its item's turn and ends the iteration.

    Args:
        function: Called in one of the threads.
        items: Iterated over in the thread of the caller.
        n_threads: How many calls run at once.
        look_ahead: The most items that are waiting, running, or done and not yet yielded.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(max_workers=n_threads) as pool:
        running = deque(pool.submit(function, item) for item in islice(remaining, look_ahead))
        try:
            while running:
                result = running.popleft().result()
                running.extend(pool.submit(function, item) for item in islice(remaining, 1))
                yield result
        finally:
            for future in running:
                future.cancel()
