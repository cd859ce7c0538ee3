"""Training with two processes: they agree, come near to one process, and are started again when one is killed."""

import logging
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_images import CLASSES, shapes

from include.config_parts import ModelConfig, TrainingConfig
from include.errors import ModelError
from include.models import distributed
from include.models.architectures import build
from include.models.checkpoints import Checkpoints, TrainingIdentity
from include.models.compute import Compute
from include.models.distributed import n_training_processes, train_on_several
from include.models.prediction import predict_logits
from include.models.team import Share
from include.models.training import TrainedModel, seeded, train
from include.store.dataset import Dataset, LabelledImages
from include.store.files import FileStore
from include.store.pixels import PixelLocation, PixelReader, SubsetSource, write_segment

pytestmark = pytest.mark.slow

N_IMAGES = 240
SETTINGS = TrainingConfig(n_epochs=6, batch_size=32, base_lr=0.005)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path / "store"))


@pytest.fixture
def dataset(store: FileStore) -> Dataset:
    """Shapes in the pixel store, in two segments."""
    pictures = [shapes(N_IMAGES, seed=1), shapes(90, seed=2)]
    locations, labels = [], []
    for number, side in enumerate(pictures):
        digests = [f"{number}-{i}" for i in range(len(side.labels))]
        segment = write_segment(store, side.images.pixels, preprocessing_digest="0f", content_digests=digests)
        locations += [PixelLocation(segment, row) for row in range(len(side.labels))]
        labels.append(side.labels)
    everything = LabelledImages(PixelReader(store, locations), np.concatenate(labels), (), ())
    places = np.arange(len(locations))
    training, validation = (
        everything._replace(images=SubsetSource(everything.images, of), labels=everything.labels[of])
        for of in (places[:N_IMAGES], places[N_IMAGES:])
    )
    return Dataset(CLASSES, training, validation, validation)


def checkpoints_of(store: FileStore, settings: TrainingConfig = SETTINGS) -> Checkpoints:
    identity = TrainingIdentity(
        snapshot_id="5eed",
        model=ModelConfig(),
        training=settings,
        preprocessing_digest="0f",
        classes=CLASSES,
        n_images=N_IMAGES,
        contents_sha256="c0",
        seed=7,
        torch_version=str(torch.__version__),
    )
    return Checkpoints(store=store, run_id="run", identity=identity, every_n_epochs=2)


def with_two(dataset: Dataset, checkpoints: Checkpoints) -> TrainedModel:
    with seeded(7):
        network = build("small_cnn", n_classes=3)
    return train_on_several(network, dataset, checkpoints=checkpoints, compute=Compute(), n_processes=2)


def accuracy(model: torch.nn.Module) -> float:
    test = shapes(150, seed=3)
    return float((predict_logits(model, test.images).argmax(axis=1) == test.labels).mean())


def test_two_processes_come_near_to_one_and_a_killed_one_is_started_again(
    dataset: Dataset, store: FileStore, caplog: pytest.LogCaptureFixture
) -> None:
    killed: list[int] = []

    def kill_one() -> None:
        """Kill a process that trains, once a checkpoint is there."""
        while not any(file.name.endswith("b.safetensors") for file in store.list_files("checkpoints")):
            time.sleep(0.01)
        workers = [pid for pid in descendants(os.getpid()) if b"training_worker" in command_of(pid)]
        killed.append(max(workers))
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill_one)
    with caplog.at_level(logging.INFO, logger="include.models.distributed"):
        thread.start()
        found = with_two(dataset, checkpoints_of(store))
    thread.join()
    alone = train(
        images=dataset.train.images,
        labels=dataset.train.labels,
        validation=dataset.validation,
        classes=CLASSES,
        architecture="small_cnn",
        weights="none",
        settings=SETTINGS,
        seed=7,
        horizontal_flip=True,
        compute=Compute(),
    )

    assert killed
    assert "going on from epoch" in caplog.text
    assert [progress.epoch for progress in found.history] == [1, 2, 3, 4, 5, 6]
    assert (found.n_images, found.n_processes) == (N_IMAGES, 2)
    assert accuracy(found.model) >= accuracy(alone.model) - 0.1
    assert abs(found.history[0].loss - alone.history[0].loss) < 0.1, "they have seen the same images"


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def test_a_training_that_diverges_says_so_and_is_not_tried_again(dataset: Dataset, store: FileStore) -> None:
    with seeded(7):
        network = build("small_cnn", n_classes=3)
    with torch.no_grad():
        network[-1].weight.fill_(3e38)

    with pytest.raises(ModelError, match=r"diverged in epoch 1 of 6.*lower training\.base_lr"):
        # one process of torchrun's, because a second one would only take seconds
        train_on_several(network, dataset, checkpoints=checkpoints_of(store), compute=Compute(), n_processes=1)


def test_processes_that_die_too_often_are_told(
    dataset: Dataset, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "_run_workers", lambda *_, **__: 1)

    with pytest.raises(ModelError, match="the 2 processes that train ended with status 1, after 3 restarts at most"):
        with_two(dataset, checkpoints_of(store))


def test_what_stops_waiting_stops_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when Airflow ends the task."""
    started: list[int] = []

    def interrupted(*_: object) -> None:
        deadline = time.monotonic() + 30
        while not started and time.monotonic() < deadline:  # a child has its own command line a moment after its start
            started.extend(pid for pid in descendants(os.getpid()) if b"torch.distributed.run" in command_of(pid))
        raise KeyboardInterrupt

    monkeypatch.setattr(distributed, "_log_lines", interrupted)

    with pytest.raises(KeyboardInterrupt):
        distributed._run_workers(tmp_path, n_processes=2)

    assert started
    assert not any(b"torch.distributed.run" in command_of(pid) for pid in started)


@pytest.mark.parametrize(("asked", "expected"), [(None, 1), ("", 1), ("3", 3)])
def test_how_many_processes_train_is_asked_for_or_as_many_as_there_are_gpus(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, expected: int
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.delenv(distributed.PROCESSES_VARIABLE, raising=False)
    if asked is not None:
        monkeypatch.setenv(distributed.PROCESSES_VARIABLE, asked)

    assert n_training_processes() == expected


def test_what_is_no_number_of_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(distributed.PROCESSES_VARIABLE, "many")

    with pytest.raises(ModelError, match="DRIFTGATE_TRAINING_PROCESSES is 'many': set it to a number from 1 to 64"):
        n_training_processes()


@pytest.mark.parametrize("n_images", [1, 5, 64])
def test_each_image_of_a_batch_is_taken_once(n_images: int) -> None:
    parts = [list(range(n_images))[Share(rank=rank, n_processes=3).of(n_images)] for rank in range(3)]

    assert [place for part in parts for place in part] == list(range(n_images))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
