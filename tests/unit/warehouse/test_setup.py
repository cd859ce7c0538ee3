"""What a pipeline gets in the warehouse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from include.catalog.runs import open_run
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


def test_a_schema_of_an_earlier_release_gets_what_it_lacks(
    warehouse: Warehouse, config: PipelineConfig, query: Query
) -> None:
    query("ALTER TABLE RUNS DROP COLUMN CHECK_ID")
    query("INSERT INTO RUNS SELECT 'r', 'd', 'training', PARSE_JSON('{}'), 'd', 'why', SYSDATE(), NULL, NULL")
    query("DROP VIEW CURRENT_LABELS")
    query("DROP TABLE BASELINES")
    query("DROP TABLE DRIFT_CHECKS")

    run_setup(warehouse, config)

    assert query("SELECT RUN_ID, REASON, CHECK_ID FROM RUNS") == [("r", "why", None)]
    run = open_run(warehouse, config, run_id="s", dag_id="d", kind="training", reason=None, check_id="c0ffee")
    assert (run.check_id, run.reason) == ("c0ffee", None)
    assert query("SELECT (SELECT COUNT(*) FROM BASELINES), (SELECT COUNT(*) FROM DRIFT_CHECKS)") == [(0, 0)]
    assert query("SELECT COUNT(*) FROM CURRENT_LABELS") == [(0,)]
