"""What a pipeline gets in the warehouse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from include.catalog.runs import open_run
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.drift.checks import read_check
from include.registry.baselines import read_baseline
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


def test_answers_and_baselines_of_an_earlier_release_stay_and_are_told_apart(
    warehouse: Warehouse, config: PipelineConfig, query: Query
) -> None:
    """Two images are answered by two versions, the second one first by the later version."""
    query("DROP VIEW FIRST_ANSWERS")
    for column in ("SHORT_SIDE", "LONG_SIDE", "BRIGHTNESS", "CONTRAST", "SHARPNESS", "FEATURES", "IS_FIRST"):
        query(f"ALTER TABLE PREDICTIONS DROP COLUMN {column}")
    for column in ("HELD_OUT", "FEATURES"):
        query(f"ALTER TABLE BASELINES DROP COLUMN {column}")
    for seq, (name, version) in enumerate([("a", 1), ("b", 2), ("a", 2), ("b", 1), ("c", 2)], start=1):
        query(
            "INSERT INTO PREDICTIONS SELECT 'S', %(name)s, 'e', %(version)s, 'red', 0.9, PARSE_JSON('[1]'), SYSDATE(), "
            "'r', %(seq)s",
            name=name,
            version=version,
            seq=seq,
        )
    query(
        "INSERT INTO BASELINES SELECT 1, PARSE_JSON('[0, 1]'), PARSE_JSON('[3]'), PARSE_JSON('{\"red\": [3]}'), "
        "PARSE_JSON('{}'), 3, SYSDATE()"
    )

    run_setup(warehouse, config)
    run_setup(warehouse, config)

    assert query("SELECT RELATIVE_PATH, VERSION, SHARPNESS, FEATURES FROM FIRST_ANSWERS ORDER BY 1") == [
        ("a", 1, None, None),
        ("b", 2, None, None),
        ("c", 2, None, None),
    ]
    assert query("SELECT COUNT(*), COUNT(IS_FIRST) FROM PREDICTIONS") == [(5, 5)]
    baseline = read_baseline(warehouse, 1)
    assert baseline is not None
    assert (baseline.n_images, baseline.right_by_class, baseline.features) == (3, {}, None)


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


def test_checks_of_an_earlier_release_stay_and_get_what_they_lack(
    warehouse: Warehouse, config: PipelineConfig, query: Query
) -> None:
    query("DROP VIEW CHECK_ACCURACY")
    for column in ("SIGNAL", "SCORE", "THRESHOLD", "P_VALUE", "SMALLEST_SHIFT", "ESTIMATED_ACCURACY", "EVIDENCE"):
        query(f"ALTER TABLE DRIFT_CHECKS DROP COLUMN {column}")
    query(
        "INSERT INTO DRIFT_CHECKS SELECT 'c', 'r', 1, 1, 1, 60, 60, PARSE_JSON('{}'), PARSE_JSON('{}'), 'STABLE', "
        "'NONE', PARSE_JSON('[]'), NULL, SYSDATE()"
    )

    run_setup(warehouse, config)
    run_setup(warehouse, config)

    check = read_check(warehouse, "c")
    assert (check.verdict, check.signal, check.score, check.evidence) == ("STABLE", None, None, None)
    assert query("SELECT * FROM CHECK_ACCURACY") == [("c", 1, 60, None, 0, None)]
