"""What a pipeline gets in the warehouse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.warehouse.session import Warehouse
from include.warehouse.setup import run_setup

Query = Callable[..., list[tuple[Any, ...]]]


def test_setting_up_again_changes_nothing(warehouse: Warehouse, config: PipelineConfig, query: Query) -> None:
    query("INSERT INTO LABELS VALUES ('S', 'a.png', 'e', 'shirt', 'person', SYSDATE())")

    run_setup(warehouse, config)
    run_setup(warehouse, config)

    assert query("SELECT COUNT(*) FROM PIPELINE_LOCK") == [(1,)]
    assert query("SELECT COUNT(*) FROM LABELS") == [(1,)]
    assert query("SELECT COUNT(*) FROM CURRENT_PREDICTIONS") == [(0,)]


def test_a_stage_follows_the_pipeline_file(
    warehouse: Warehouse, config: PipelineConfig, put_image: Callable[..., Path], tmp_path: Path
) -> None:
    put_image("elsewhere.png", colour=(1, 2, 3), stage="moved")
    moved = config.stages.incoming.model_copy(update={"url": f"file://{tmp_path}/moved/"})
    stages = config.stages.model_copy(update={"incoming": moved})

    run_setup(warehouse, config.model_copy(update={"stages": stages}))

    assert sync_stage(warehouse, moved, labels=None, accept_removals=False).n_live == 1
