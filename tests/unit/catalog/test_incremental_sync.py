"""What has changed is told by the stage's stream, with the same result as comparing all of it."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.catalog import sync
from include.catalog.sync import SyncResult, sync_stage
from include.config import PipelineConfig
from include.config_parts import LabelsConfig, StageConfig
from include.errors import CatalogShrunkError, WarehouseError
from include.warehouse.session import Warehouse
from include.warehouse.setup import run_setup

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]
Sync = Callable[..., SyncResult]


@pytest.fixture
def sync_training(warehouse: Warehouse, config: PipelineConfig) -> Sync:
    def run(
        *,
        stage: StageConfig = config.stages.training,
        labels: LabelsConfig = config.labels,
        accept_removals: bool = False,
    ) -> SyncResult:
        return sync_stage(warehouse, stage, labels=labels, accept_removals=accept_removals)

    return run


def test_a_sync_after_the_first_looks_at_what_has_changed(
    sync_training: Sync, put_image: PutImage, query: Query
) -> None:
    for i in range(10):
        put_image(f"shirt/{i}.png", colour=(i, 0, 0))
    assert sync_training() == ("TRAINING_IMAGES", 10, 10, 0, False)
    put_image("shirt/3.png", colour=(33, 0, 0))
    put_image("shirt/4.png", colour=(4, 0, 0)).unlink()
    put_image("hat/1.png", colour=(0, 0, 1))

    assert sync_training() == ("TRAINING_IMAGES", 10, 2, 2, True)

    assert query("SELECT LABEL, COUNT(*), COUNT(GONE_AT) FROM IMAGES GROUP BY LABEL ORDER BY LABEL") == [
        ("hat", 1, 0),
        ("shirt", 11, 2),
    ]
    assert sync_training() == ("TRAINING_IMAGES", 10, 0, 0, True)


def _change_files(folder: Path, chance: random.Random) -> None:
    """Add, change, rewrite, touch, move or remove a few of a dozen files, some of them to come back as they were."""
    for _ in range(chance.randrange(5)):
        file = folder / chance.choice("ab") / f"{chance.randrange(6)}.png"
        if file.exists() and chance.random() < 0.5:
            file.unlink()
        else:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"content" * chance.randrange(1, 4))


@pytest.mark.parametrize("seed", range(5))
def test_both_ways_end_with_the_same_rows(warehouse: Warehouse, query: Query, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    folder = tmp_path / "both"
    folder.mkdir()
    compared, told = (StageConfig(name=name, url=f"file://{folder}/") for name in ("COMPARED", "TOLD"))
    for stage in (compared, told):
        query(f"CREATE STAGE {stage.name} URL='{stage.url}' DIRECTORY=(ENABLE=TRUE)")
    query("CREATE STREAM TOLD_CHANGES ON STAGE TOLD")
    n_told = 0
    for _ in range(5):
        _change_files(folder, chance)
        if chance.random() < 0.3:
            # somebody else lists the stage: its stream holds two steps at once
            query("ALTER STAGE TOLD REFRESH")
            _change_files(folder, chance)
        results = [
            sync_stage(warehouse, stage, labels=LabelsConfig(), accept_removals=True) for stage in (compared, told)
        ]
        n_told += results[1].is_incremental

        rows = {
            stage.name: query(
                "SELECT RELATIVE_PATH, ETAG, SIZE, LABEL, GONE_AT IS NULL FROM IMAGES WHERE STAGE = %(stage)s "
                "ORDER BY RELATIVE_PATH, ETAG",
                stage=stage.name,
            )
            for stage in (compared, told)
        }
        assert rows["TOLD"] == rows["COMPARED"]
        assert results[0][1:2] == results[1][1:2]
    assert n_told == 4


def test_what_a_stopped_sync_was_told_is_told_again(
    sync_training: Sync, put_image: PutImage, query: Query, tmp_path: Path
) -> None:
    files = [put_image(f"shirt/{i}.png", colour=(i, 0, 0)) for i in range(4)]
    sync_training()
    for file in files[:2]:
        file.unlink()
    put_image("hat/1.png", colour=(0, 0, 1))

    for _ in range(2):
        with pytest.raises(CatalogShrunkError, match="no longer holds 2 of its 4 live images"):
            sync_training()
    assert query("SELECT COUNT(*), COUNT(GONE_AT) FROM IMAGES") == [(4, 0)]

    assert sync_training(accept_removals=True) == ("TRAINING_IMAGES", 3, 1, 2, True)


def test_a_merge_that_is_rolled_back_consumes_nothing(
    sync_training: Sync, put_image: PutImage, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_image("shirt/1.png", colour=(1, 0, 0))
    sync_training()
    put_image("shirt/2.png", colour=(2, 0, 0))

    def fail(warehouse: Warehouse) -> None:
        raise WarehouseError("a part of the merge failed")

    with monkeypatch.context() as patched:
        patched.setattr(sync, "quarantine_forgotten", fail)
        with pytest.raises(WarehouseError, match="a part of the merge"):
            sync_training()

    assert query("SELECT RELATIVE_PATH FROM TRAINING_IMAGES_CHANGES") == [("shirt/2.png",)]
    assert sync_training() == ("TRAINING_IMAGES", 2, 1, 0, True)


@pytest.mark.parametrize(
    "disturbance",
    [
        "DROP STREAM TRAINING_IMAGES_CHANGES",
        "CREATE OR REPLACE STREAM TRAINING_IMAGES_CHANGES ON STAGE TRAINING_IMAGES",
        "CREATE OR REPLACE STAGE TRAINING_IMAGES URL='{url}' DIRECTORY=(ENABLE=TRUE)",
        "UPDATE STAGE_COMPARISONS SET COMPARED_AT = DATEADD(DAY, -2, COMPARED_AT)",
    ],
)
def test_where_the_stream_does_not_tell_all_the_stage_is_compared(
    sync_training: Sync, put_image: PutImage, query: Query, config: PipelineConfig, disturbance: str
) -> None:
    put_image("shirt/1.png", colour=(1, 0, 0))
    sync_training()
    put_image("shirt/2.png", colour=(2, 0, 0))
    query("ALTER STAGE TRAINING_IMAGES REFRESH")

    query(disturbance.format(url=config.stages.training.url))

    assert sync_training() == ("TRAINING_IMAGES", 2, 1, 0, False)


def test_setting_up_again_makes_a_stale_stream_anew(
    sync_training: Sync, warehouse: Warehouse, config: PipelineConfig, put_image: PutImage, query: Query
) -> None:
    query(f"CREATE OR REPLACE STAGE TRAINING_IMAGES URL='{config.stages.training.url}' DIRECTORY=(ENABLE=TRUE)")
    assert not sync_training().is_incremental

    run_setup(warehouse, config)

    put_image("shirt/1.png", colour=(1, 0, 0))
    assert not sync_training().is_incremental
    assert sync_training() == ("TRAINING_IMAGES", 1, 0, 0, True)


def test_other_labels_are_read_off_all_paths_and_then_off_new_ones(
    sync_training: Sync, put_image: PutImage, query: Query
) -> None:
    put_image("2026/shirt-1.png", colour=(1, 0, 0))
    sync_training()
    labels = LabelsConfig(from_path=r"/(?P<label>[a-z]+)-\d+")

    assert not sync_training(labels=labels).is_incremental
    put_image("2026/hat-1.png", colour=(2, 0, 0))
    assert sync_training(labels=labels).is_incremental

    assert query("SELECT LABEL FROM IMAGES ORDER BY 1") == [("hat",), ("shirt",)]


def test_only_what_lies_below_the_prefix_is_listed_and_used(
    sync_training: Sync, put_image: PutImage, query: Query, config: PipelineConfig
) -> None:
    stage = config.stages.training.model_copy(update={"prefix": "ours/"})
    put_image("theirs/shirt/1.png", colour=(1, 0, 0))
    put_image("ours/shirt/1.png", colour=(1, 0, 0))
    sync_training(stage=stage)
    put_image("theirs/shirt/2.png", colour=(2, 0, 0))
    put_image("ours/hat/2.png", colour=(2, 0, 0))

    assert sync_training(stage=stage) == ("TRAINING_IMAGES", 2, 1, 0, True)

    rows = [("ours/hat/2.png", "hat"), ("ours/shirt/1.png", "shirt")]
    assert query("SELECT RELATIVE_PATH, LABEL FROM IMAGES ORDER BY 1") == rows
    assert query("SELECT COUNT(*) FROM DIRECTORY(@TRAINING_IMAGES)") == [(2,)]
    # somebody else lists all of the stage
    query("ALTER STAGE TRAINING_IMAGES REFRESH")
    assert sync_training(stage=stage) == ("TRAINING_IMAGES", 2, 0, 0, True)
    assert query("SELECT RELATIVE_PATH, LABEL FROM IMAGES ORDER BY 1") == rows


def test_images_beside_a_new_prefix_are_gone(
    sync_training: Sync, put_image: PutImage, query: Query, config: PipelineConfig
) -> None:
    put_image("theirs/shirt/1.png", colour=(1, 0, 0))
    put_image("ours/shirt/1.png", colour=(1, 0, 0))
    sync_training()
    stage = config.stages.training.model_copy(update={"prefix": "ours/"})

    with pytest.raises(CatalogShrunkError):
        sync_training(stage=stage)
    assert sync_training(stage=stage, accept_removals=True).n_gone == 1

    assert query("SELECT RELATIVE_PATH, LABEL FROM IMAGES WHERE GONE_AT IS NULL") == [("ours/shirt/1.png", "shirt")]


@pytest.mark.parametrize("prefix", ["/new/", "a//b/", "../a/", "a/./b", "it's/", "{a}/"])
def test_a_prefix_that_is_no_folder_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="is not a folder below a stage"):
        StageConfig(name="IMAGES", prefix=prefix)
