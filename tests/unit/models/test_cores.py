"""How many threads a task may use."""

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from include.models import cores
from include.models.cores import available_threads, free_threads


class _Machine:
    """Two cores of which so much is idle, and works for us, in each second."""

    def __init__(self, *, idle: float, ours: float) -> None:
        self._idle, self._ours, self._now = idle, ours, 100.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds

    def cpu_times(self) -> Any:
        return SimpleNamespace(idle=self._idle * self._now, iowait=0.0)

    def of_process(self) -> Any:
        return SimpleNamespace(user=self._ours * self._now, system=0.0)


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [])
    monkeypatch.setattr(cores, "available_threads", lambda: 2)


@pytest.fixture
def cores_before() -> Iterator[set[int]]:
    before = os.sched_getaffinity(0)
    yield before
    os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize(
    ("idle", "ours", "expected"),
    [
        pytest.param(2.0, 0.0, 2, id="quiet"),
        pytest.param(0.0, 1.9, 2, id="our own decoders"),
        pytest.param(0.9, 0.8, 2, id="a little of others"),
        pytest.param(0.8, 0.3, 1, id="a core of others"),
        pytest.param(0.0, 0.1, 1, id="all cores of others"),
    ],
)
def test_a_core_is_free_while_it_is_idle_or_ours(
    idle: float, ours: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = _Machine(idle=idle, ours=ours)
    monkeypatch.setattr(cores, "time", machine)
    monkeypatch.setattr(psutil, "cpu_times", machine.cpu_times)
    monkeypatch.setattr(psutil.Process, "cpu_times", machine.of_process)

    assert free_threads() == expected


def test_never_more_threads_than_cores(cores_before: set[int]) -> None:
    os.sched_setaffinity(0, {min(cores_before)})

    assert available_threads() == 1
    assert free_threads() == 1


def test_the_real_machine_has_a_thread_at_least() -> None:
    assert 1 <= free_threads() <= available_threads()
