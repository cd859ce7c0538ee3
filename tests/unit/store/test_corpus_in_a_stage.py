"""Every kind of image and of name, all the way: from a stage, over signed URLs, into the pixel store or quarantine."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftgate.hooks import WarehouseHook
from include.catalog.plan import pending_images
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.store.batches import Batch, write_batches
from include.store.files import FileStore
from include.store.pixels import PixelReader
from include.store.preparation import locate_batch, prepare_batch
from include.warehouse.session import Warehouse
from include.warehouse.setup import run_setup
from tests.corpus.make_corpus import cases, readable, unreadable, write_corpus

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(scope="module")
def config(new_config: Callable[[Path], PipelineConfig], folder: Path) -> PipelineConfig:
    return new_config(folder)


@pytest.fixture(scope="module")
def warehouse(embedded_warehouse: str, config: PipelineConfig) -> Iterator[Warehouse]:
    with WarehouseHook.for_pipeline(config).session() as session:
        run_setup(session, config)
        yield session


@pytest.fixture(scope="module")
def store(config: PipelineConfig) -> FileStore:
    return FileStore(config.store_url)


@pytest.fixture(scope="module")
def prepared(folder: Path, config: PipelineConfig, warehouse: Warehouse, store: FileStore) -> Batch:
    """The corpus as a stage, after an inference run has prepared it; links lead to what lies beside the stage."""
    write_corpus(folder / "new")
    secret = folder / "secret.png"
    shutil.copy(folder / "new" / "png/rgb.png", secret)
    (folder / "new" / "link.png").symlink_to(secret)
    (folder / "new" / "up").symlink_to(folder, target_is_directory=True)
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=False)
    pending = pending_images(warehouse, config)
    (batch,) = write_batches(store, [pending], preprocessing=config.preprocessing, version=1)
    prepare_batch(warehouse, store, batch, stages=config.stages, run_id="run", work_path="work")
    return batch


@pytest.fixture
def ask(warehouse: Warehouse, prepared: Batch) -> Callable[[str], Rows]:
    def run(sql: str) -> Rows:
        rows: Rows = warehouse._connection.cursor().execute(sql).fetchall()
        return rows

    return run


def test_every_name_is_in_the_catalog_as_it_is_and_none_from_outside(ask: Callable[[str], Rows]) -> None:
    paths = {path for (path,) in ask("SELECT RELATIVE_PATH FROM IMAGES")}

    assert paths == set(cases())


def test_every_good_image_has_its_pixels(
    ask: Callable[[str], Rows], warehouse: Warehouse, store: FileStore, prepared: Batch
) -> None:
    rows = ask(
        "SELECT IMAGES.RELATIVE_PATH, PIXELS.WIDTH, PIXELS.HEIGHT FROM IMAGES "
        "INNER JOIN PIXELS ON IMAGES.CONTENT_SHA256 = PIXELS.CONTENT_SHA256"
    )

    assert sorted(path for path, *_ in rows) == sorted(readable())
    assert {path: (width, height) for path, width, height in rows} == {path: cases()[path].size for path in readable()}
    located = locate_batch(warehouse, store, prepared, work_path="work")
    pixels = PixelReader(store, located.locations).gather(np.arange(len(located.keys))).astype(int)
    for key, image in zip(located.keys, pixels, strict=True):
        corners = image[[2, 2, 13, 13], [2, 13, 2, 13]]
        expected = np.array(cases()[key.relative_path].corners)
        np.testing.assert_allclose(corners, expected, atol=6, err_msg=key.relative_path)


def test_every_bad_image_is_in_quarantine_once_with_its_reason(ask: Callable[[str], Rows]) -> None:
    rows = ask("SELECT RELATIVE_PATH, REASON, RUN_ID FROM QUARANTINE")

    assert sorted(path for path, *_ in rows) == sorted(unreadable())
    for path, reason, run_id in rows:
        assert re.search(str(cases()[path].reason), reason), f"{path!r}: {reason}"
        assert run_id == "run"


def test_afterwards_only_the_good_images_wait_for_an_answer(
    ask: Callable[[str], Rows], warehouse: Warehouse, config: PipelineConfig
) -> None:
    assert sorted(key.relative_path for key in pending_images(warehouse, config)) == sorted(readable())


def test_files_of_the_store_are_named_by_digests_alone(prepared: Batch, store: FileStore, folder: Path) -> None:
    written = [str(path.relative_to(folder / "store")) for path in (folder / "store").rglob("*") if path.is_file()]

    assert written
    assert all(re.fullmatch(r"[a-z0-9/._-]+", path) for path in written), written
