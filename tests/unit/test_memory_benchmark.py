"""What `make bench-memory` measures, and how it tells it."""

import mmap
import time
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.gradients import SIDES, write_gradients
from benchmarks.memory import figures_of
from benchmarks.memory_runs import TaskCost, in_a_fork

MIB = 2**20


def cost(run: str, task_id: str, resident_gib: float) -> TaskCost:
    return TaskCost(
        run=run, task_id=task_id, seconds=3.4, resident=int(resident_gib * 2**30), anonymous=int(0.5 * 2**30)
    )


def test_the_task_that_takes_most_stands_first_and_then_each_of_them_in_its_order() -> None:
    costs = [cost("training", "train", 1.25), cost("inference", "predict", 1.5), cost("inference", "predict", 2.5)]

    headline, train, predict = figures_of(costs, n_images=1000, machine="2 cores")

    assert headline.measure == "peak memory of any task, 1,000 images of 96 px in each stage"
    assert (headline.value, headline.is_reached) == (2.5, False)
    assert headline.note.startswith("0.50 GiB without pages of files; 3 s; predict of the inference;")
    assert headline.note.endswith("2 cores")
    assert (train.measure, train.value, train.n, train.is_reached) == ("training: train", 1.25, 1, True)
    assert (predict.measure, predict.value, predict.n, predict.spread) == ("inference: predict", 2.5, 2, 1.0)


def test_what_a_fork_takes_is_seen_with_its_children_and_its_result_comes_back() -> None:
    before = in_a_fork(lambda: None)

    def allocate() -> int:
        # not from what an earlier test of this process has freed and `keep_freed_memory` keeps
        with mmap.mmap(-1, 200 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as allocated:
            for page in range(0, len(allocated), mmap.PAGESIZE):
                allocated[page] = 1
            time.sleep(0.5)  # it is looked at every 50 ms
            return len(allocated)

    found = in_a_fork(allocate)
    nested = in_a_fork(lambda: in_a_fork(allocate).returned)

    assert found.returned == nested.returned == 200 * MIB
    assert 150 * MIB < found.resident - before.resident < 300 * MIB
    assert nested.resident > found.resident
    assert nested.anonymous > 200 * MIB


def test_a_fork_that_fails_is_told() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(RuntimeError, match="a fork ended with status"):
        in_a_fork(fail)


def test_all_files_differ_and_can_be_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.gradients.N_PICTURES", 2)
    write_gradients(tmp_path / "train", range(200), is_drifted=False)
    write_gradients(tmp_path / "new", range(20), is_drifted=True)

    files = sorted(tmp_path.rglob("*.jpg"))
    assert len({path.read_bytes() for path in files}) == 220
    for path in files[::10]:
        with Image.open(path) as image:
            image.load()
            assert image.format == "JPEG"
            assert all(SIDES[0] <= side <= SIDES[1] for side in image.size)
