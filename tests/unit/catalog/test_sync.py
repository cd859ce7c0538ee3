"""The catalog follows the stage."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.catalog.sync import SyncResult, sync_stage
from include.config import PipelineConfig
from include.config_parts import LabelsConfig
from include.errors import CatalogShrunkError, StageError
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]


@pytest.fixture
def sync(warehouse: Warehouse, config: PipelineConfig) -> Callable[..., SyncResult]:
    def run(*, labels: LabelsConfig | None = None, accept_removals: bool = False) -> SyncResult:
        return sync_stage(
            warehouse, config.stages.training, labels=labels or config.labels, accept_removals=accept_removals
        )

    return run


def test_new_files_become_images_with_the_label_in_their_path(
    sync: Callable[..., SyncResult], put_image: PutImage, query: Query
) -> None:
    put_image("shirt/1.png", colour=(255, 0, 0))
    put_image('it\'s 100 % "shirt"/日本 1.png', colour=(0, 255, 0))
    put_image("unlabelled.png", colour=(0, 0, 255))

    result = sync()

    assert (result.n_live, result.n_changed, result.n_gone) == (3, 3, 0)
    assert query("SELECT RELATIVE_PATH, LABEL, GONE_AT FROM IMAGES ORDER BY 1") == [
        ('it\'s 100 % "shirt"/日本 1.png', 'it\'s 100 % "shirt"', None),
        ("shirt/1.png", "shirt", None),
        ("unlabelled.png", None, None),
    ]


def test_a_second_sync_changes_nothing(sync: Callable[..., SyncResult], put_image: PutImage, query: Query) -> None:
    put_image("shirt/1.png", colour=(255, 0, 0))
    sync()
    before = query("SELECT * FROM IMAGES")

    result = sync()

    assert (result.n_live, result.n_changed, result.n_gone) == (1, 0, 0)
    assert query("SELECT * FROM IMAGES") == before


def test_a_changed_file_is_a_new_version_and_the_old_one_is_gone(
    sync: Callable[..., SyncResult], put_image: PutImage, query: Query
) -> None:
    put_image("shirt/1.png", colour=(255, 0, 0))
    sync()
    put_image("shirt/1.png", colour=(0, 255, 0))

    result = sync()

    assert (result.n_live, result.n_changed, result.n_gone) == (1, 1, 1)
    assert query("SELECT COUNT(DISTINCT ETAG), COUNT(GONE_AT) FROM IMAGES") == [(2, 1)]


def test_a_file_that_reappears_gets_its_row_back(
    sync: Callable[..., SyncResult], put_image: PutImage, query: Query
) -> None:
    for i in range(10):
        put_image(f"shirt/{i}.png", colour=(i, 0, 0))
    sync()
    put_image("shirt/3.png", colour=(3, 0, 0)).unlink()
    assert sync().n_gone == 1
    put_image("shirt/3.png", colour=(3, 0, 0))

    assert sync().n_changed == 1
    assert query("SELECT COUNT(*), COUNT(GONE_AT) FROM IMAGES") == [(10, 0)]


def test_a_folder_that_seems_empty_does_not_empty_the_catalog(
    sync: Callable[..., SyncResult], put_image: PutImage, query: Query, tmp_path: Path
) -> None:
    for i in range(4):
        put_image(f"shirt/{i}.png", colour=(i, 0, 0))
    sync()
    shutil.rmtree(tmp_path / "train" / "shirt")

    with pytest.raises(CatalogShrunkError, match=r"no longer holds 4 of its 4 live images.*accept_removals"):
        sync()

    assert query("SELECT COUNT(GONE_AT) FROM IMAGES") == [(0,)]
    assert sync(accept_removals=True).n_gone == 4


def test_other_labels_in_the_pipeline_file_are_read_again(
    sync: Callable[..., SyncResult], put_image: PutImage, query: Query
) -> None:
    put_image("2026/shirt-1.png", colour=(255, 0, 0))
    sync()

    sync(labels=LabelsConfig(from_path=r"/(?P<label>[a-z]+)-\d+"))

    assert query("SELECT LABEL FROM IMAGES") == [("shirt",)]


def test_a_missing_folder_is_named(sync: Callable[..., SyncResult], tmp_path: Path) -> None:
    (tmp_path / "train").rmdir()

    with pytest.raises(StageError, match=rf"stage TRAINING_IMAGES \(file://{tmp_path}/train/\) cannot be listed"):
        sync()
