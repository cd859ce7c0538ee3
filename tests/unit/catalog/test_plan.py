"""How images are packed into batches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.keys import ImageKey
from include.catalog.plan import MAX_BATCHES, into_batches
from include.errors import ConfigError


def keys(n: int) -> list[ImageKey]:
    return [ImageKey("S", f"{i:06d}.png", "e") for i in range(n)]


@given(st.integers(0, 3000), st.integers(1, 500), st.integers(1, 200))
def test_each_image_is_in_one_batch_and_batches_are_even(n: int, batch_size: int, most: int) -> None:
    batches = into_batches(keys(n)[::-1], batch_size=batch_size, max_batches=most)

    assert [key for batch in batches for key in batch] == keys(n)
    assert len(batches) <= min(most, MAX_BATCHES)
    assert all(batches)
    if batches:
        sizes = [len(batch) for batch in batches]
        assert max(sizes) - min(sizes) <= 1


def test_few_images_make_one_batch_and_many_as_many_as_there_are_tasks() -> None:
    assert len(into_batches(keys(300), batch_size=2048, max_batches=4)) == 1
    assert len(into_batches(keys(2049), batch_size=2048, max_batches=4)) == 2
    assert len(into_batches(keys(100_000), batch_size=2048, max_batches=4)) == 4


def test_by_default_there_are_no_more_batches_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.delenv("DRIFTGATE_MAX_TASKS", raising=False)

    assert len(into_batches(keys(5000), batch_size=1)) == len(os.sched_getaffinity(0))


def test_where_tasks_run_on_other_machines_the_environment_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGATE_MAX_TASKS", "7")

    assert len(into_batches(keys(5000), batch_size=1)) == 7
    assert len(into_batches(keys(5000), batch_size=1, max_batches=3)) == 3  # the pipeline file wins


@pytest.mark.parametrize("text", ["many", "0", "-1", "²"])
def test_a_number_of_tasks_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DRIFTGATE_MAX_TASKS", text)

    with pytest.raises(ConfigError, match="DRIFTGATE_MAX_TASKS: should be a number from 1 to 128"):
        into_batches(keys(5), batch_size=1)
