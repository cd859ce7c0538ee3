"""From staged images to the pixel store."""

import dataclasses
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from include.catalog.plan import pending_images
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.errors import FetchError, VanishedFileError
from include.images import isolated
from include.images import preprocess as preprocess_module
from include.store.batches import Batch, write_batches
from include.store.files import FileStore
from include.store.pixels import PixelReader
from include.store.preparation import locate_batch, prepare_batch
from include.warehouse.session import Warehouse

HOSTILE_DECODER = Path(__file__).parents[1] / "images" / "hostile_decoder.py"

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]


@pytest.fixture
def plan(warehouse: Warehouse, config: PipelineConfig, store: FileStore) -> Callable[[], Batch]:
    """A function that syncs the incoming stage and returns what is pending as one batch."""

    def run() -> Batch:
        sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=True)
        pending = pending_images(warehouse, config)
        return write_batches(store, [pending], preprocessing=config.preprocessing, version=1)[0]

    return run


@pytest.fixture
def prepare(warehouse: Warehouse, config: PipelineConfig, store: FileStore) -> Callable[[Batch], None]:
    def run(batch: Batch) -> None:
        prepare_batch(warehouse, store, batch, stages=config.stages, run_id="run", work_path="work")

    return run


def pixels_of(warehouse: Warehouse, store: FileStore, batch: Batch) -> dict[str, list[int]]:
    """Return the colour in the middle of each readable image."""
    located = locate_batch(warehouse, store, batch, work_path="work")
    images = PixelReader(store, located.locations)
    import numpy as np

    middle = images.gather(np.arange(len(images)))[:, 8, 8]
    return {key.relative_path: colour.tolist() for key, colour in zip(located.keys, middle, strict=True)}


def test_images_are_decoded_once_and_copies_share_their_pixels(
    plan: Callable[[], Batch],
    prepare: Callable[[Batch], None],
    put_image: PutImage,
    warehouse: Warehouse,
    store: FileStore,
    query: Query,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put_image("red.png", colour=(200, 0, 0), stage="new")
    put_image("it's a copy.png", colour=(200, 0, 0), stage="new")
    put_image("green.png", colour=(0, 200, 0), stage="new")
    batch = plan()

    prepare(batch)
    rows = query("SELECT * FROM PIXELS")
    with caplog.at_level(logging.INFO, "include.store.preparation"):
        prepare(batch)

    assert query("SELECT COUNT(*), MIN(WIDTH), MAX(HEIGHT) FROM PIXELS") == [(2, 20, 20)]
    assert query("SELECT * FROM PIXELS") == rows
    assert "3 were there, 0 decoded" in caplog.text
    assert pixels_of(warehouse, store, batch) == {
        "green.png": [0, 200, 0],
        "it's a copy.png": [200, 0, 0],
        "red.png": [200, 0, 0],
    }


def test_an_unreadable_image_is_quarantined_once_and_no_longer_pending(
    plan: Callable[[], Batch], prepare: Callable[[Batch], None], put_image: PutImage, query: Query
) -> None:
    put_image("fine.png", colour=(1, 2, 3), stage="new")
    put_image("page.png", colour=(1, 2, 3), stage="new").write_text("<!DOCTYPE html><p>404")
    batch = plan()

    prepare(batch)
    prepare(batch)

    assert query("SELECT RELATIVE_PATH, RUN_ID FROM QUARANTINE") == [("page.png", "run")]
    assert "not an image" in query("SELECT REASON FROM QUARANTINE")[0][0]
    assert plan().n_images == 1


def test_images_that_crash_or_hang_the_decoder_are_quarantined_and_the_others_are_there(
    plan: Callable[[], Batch],
    prepare: Callable[[Batch], None],
    put_image: PutImage,
    warehouse: Warehouse,
    store: FileStore,
    query: Query,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolated, "PROGRAM", (str(HOSTILE_DECODER),))
    monkeypatch.setattr(preprocess_module, "Decoders", partial(isolated.Decoders, seconds=0.5))
    put_image("fine.png", colour=(200, 0, 0), stage="new")
    put_image("crashes.png", colour=(1, 2, 3), stage="new").write_bytes(b"abort")
    put_image("hangs.png", colour=(1, 2, 3), stage="new").write_bytes(b"hang")
    batch = plan()

    prepare(batch)

    assert pixels_of(warehouse, store, batch) == {"fine.png": [200, 0, 0]}
    assert query("SELECT RELATIVE_PATH, REASON FROM QUARANTINE ORDER BY 1") == [
        ("crashes.png", "crashes the decoder (SIGABRT)"),
        ("hangs.png", "takes more than 0.5 s to decode"),
    ]


def test_a_lost_segment_is_made_again(
    plan: Callable[[], Batch],
    prepare: Callable[[Batch], None],
    put_image: PutImage,
    warehouse: Warehouse,
    store: FileStore,
    query: Query,
) -> None:
    put_image("red.png", colour=(200, 0, 0), stage="new")
    batch = plan()
    prepare(batch)
    store.delete(query("SELECT SEGMENT FROM PIXELS")[0][0])

    prepare(batch)

    assert pixels_of(warehouse, store, batch) == {"red.png": [200, 0, 0]}
    assert query("SELECT COUNT(*) FROM PIXELS") == [(1,)]


def test_a_torn_segment_is_made_again(
    plan: Callable[[], Batch],
    prepare: Callable[[Batch], None],
    put_image: PutImage,
    warehouse: Warehouse,
    store: FileStore,
    query: Query,
) -> None:
    put_image("red.png", colour=(200, 0, 0), stage="new")
    batch = plan()
    prepare(batch)
    segment = store.local_path(query("SELECT SEGMENT FROM PIXELS")[0][0])
    with segment.open("r+b") as file:
        file.truncate(segment.stat().st_size - 10)

    prepare(batch)

    assert pixels_of(warehouse, store, batch) == {"red.png": [200, 0, 0]}


def test_training_does_without_no_image_of_its_snapshot(
    plan: Callable[[], Batch], prepare: Callable[[Batch], None], put_image: PutImage, query: Query
) -> None:
    put_image("stays.png", colour=(1, 2, 3), stage="new")
    vanishing = put_image("vanishes.png", colour=(4, 5, 6), stage="new")
    batch = dataclasses.replace(plan(), version=None)
    vanishing.unlink()

    with pytest.raises(
        VanishedFileError, match=r"1 of 2 images to train on .* 'vanishes.png' is no longer .* Train again"
    ):
        prepare(batch)

    assert query("SELECT COUNT(*) FROM PIXELS") == [(1,)]


def test_a_file_that_vanished_is_left_for_the_next_run_and_keeps_no_other_back(
    plan: Callable[[], Batch], prepare: Callable[[Batch], None], put_image: PutImage, query: Query
) -> None:
    put_image("stays.png", colour=(1, 2, 3), stage="new")
    vanishing = put_image("vanishes.png", colour=(4, 5, 6), stage="new")
    batch = plan()
    vanishing.unlink()

    prepare(batch)

    assert query("SELECT COUNT(*) FROM PIXELS") == [(1,)]
    assert query("SELECT COUNT(*) FROM QUARANTINE") == [(0,)]


def test_when_nothing_can_be_fetched_the_batch_fails(
    plan: Callable[[], Batch], prepare: Callable[[Batch], None], put_image: PutImage, query: Query
) -> None:
    vanishing = put_image("vanishes.png", colour=(4, 5, 6), stage="new")
    batch = plan()
    vanishing.unlink()

    with pytest.raises(FetchError, match=r"none of 1 images could be fetched.*lists the stage anew leaves out"):
        prepare(batch)

    assert query("SELECT COUNT(*) FROM QUARANTINE") == [(0,)]
