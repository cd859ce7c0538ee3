"""A snapshot as a model sees it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from include.catalog.snapshot import freeze_snapshot
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.errors import SnapshotError
from include.images.preprocess import read_digests
from include.store.batches import write_batches
from include.store.dataset import Dataset, read_dataset
from include.store.files import FileStore
from include.store.preparation import prepare_batch
from include.warehouse.session import Warehouse

PutImage = Callable[..., Path]


@pytest.fixture
def dataset(warehouse: Warehouse, config: PipelineConfig, store: FileStore) -> Callable[[], Dataset]:
    """A function that freezes, prepares and reads what is in the training stage."""

    def read() -> Dataset:
        sync_stage(warehouse, config.stages.training, labels=config.labels, accept_removals=False)
        snapshot = freeze_snapshot(warehouse, config, run_id="r", work_path="w", read_digests=read_digests)
        [batch] = write_batches(store, [snapshot.keys], preprocessing=config.preprocessing, version=None)
        prepare_batch(warehouse, store, batch, stages=config.stages, run_id="r", work_path="w")
        return read_dataset(warehouse, store, snapshot_id=snapshot.snapshot_id, preprocessing=config.preprocessing)

    return read


def test_each_image_is_on_one_side_with_its_label(dataset: Callable[[], Dataset], put_image: PutImage) -> None:
    for i in range(1, 41):
        put_image(f"red/{i}.png", colour=(5 * i, 0, 0))
        put_image(f"blue/{i}.png", colour=(0, 0, 5 * i))

    found = dataset()

    assert found.classes == ("blue", "red")
    sides = (found.train, found.validation, found.test)
    assert sum(len(side.labels) for side in sides) == 80
    for side in sides:
        middle = side.images.gather(np.arange(len(side.images)))[:, 8, 8]
        assert len(side.images) == len(side.labels) > 0
        assert (middle.argmax(axis=1) == np.where(side.labels == 0, 2, 0)).all()


def test_a_class_of_which_nothing_is_readable_is_named_and_not_left_out(
    dataset: Callable[[], Dataset], put_image: PutImage
) -> None:
    for i in range(1, 6):
        put_image(f"red/{i}.png", colour=(i, 0, 0))
        put_image(f"blue/{i}.png", colour=(0, 0, i))
        put_image(f"hat/{i}.png", colour=(0, i, 0)).write_text(f"<html>{i}")

    with pytest.raises(SnapshotError, match="no readable image to train on for the classes hat: see QUARANTINE"):
        dataset()
