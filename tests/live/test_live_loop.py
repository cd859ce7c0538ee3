"""The loop on a real Snowflake account, side by side with the embedded warehouse: both end with the same answers.

    DRIFTGATE_LIVE_CONN='snowflake://USER:PASSWORD@/?account=…&warehouse=…&database=…&role=…' pytest tests/live

The connection is an Airflow connection, as URI or JSON. Its role must be allowed to make a schema in its database (by
default DRIFTGATE_LIVE, which is made if it is not there). The test makes a schema of its own and drops it.
"""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ledger_story import LedgerStory

from driftgate.hooks import WarehouseHook
from include.config import PipelineConfig
from include.registry.ledger import read_champion
from include.warehouse.cost import cost_by_task, read_statements
from include.warehouse.embedded.server import running_server
from include.warehouse.identifiers import stage_location
from include.warehouse.setup import run_setup
from tests.child_processes import was_killed
from tests.loop_pipelines import COLOURS, Pipeline, put_shades
from tests.tasks_in_processes import do_all_tasks

CONNECTION = "DRIFTGATE_LIVE_CONN"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CONNECTION not in os.environ, reason=f"{CONNECTION} is not set: no Snowflake account to ask"),
]

SAME: dict[str, str] = {
    "images": "SELECT STAGE, RELATIVE_PATH, SIZE, LABEL, SPLIT, CONTENT_SHA256, GONE_AT IS NULL AS IS_LIVE FROM IMAGES",
    "labels": "SELECT RELATIVE_PATH, LABEL FROM CURRENT_LABELS",
    "quarantine": "SELECT STAGE, RELATIVE_PATH, REASON FROM QUARANTINE",
    "snapshots": "SELECT N_IMAGES, N_CLASSES FROM SNAPSHOTS",
    "pixels": "SELECT CONTENT_SHA256, WIDTH, HEIGHT, ROUND(BRIGHTNESS, 6) AS BRIGHTNESS FROM PIXELS",
    "events": "SELECT EVENT_SEQ, EVENT, VERSION, FROM_VERSION, ACTOR FROM MODEL_EVENTS",
    "answers": "SELECT RELATIVE_PATH, SIZE, TYPE, VERSION FROM CURRENT_PREDICTIONS",
    "checks": "SELECT FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ, VERSION, N_IMAGES, VERDICT, ACTION FROM DRIFT_CHECKS",
    "runs": "SELECT RUN_ID, KIND, FINISHED_AT >= STARTED_AT AS IS_FINISHED FROM RUNS",
    "alerts": "SELECT KIND, DELIVERED_AT IS NULL AS IS_LATE, DROPPED_AT IS NULL AS IS_KEPT FROM ALERTS",
    "versions": "SELECT VERSION, N_TRAINING_IMAGES FROM MODEL_VERSIONS",
}
"""What both warehouses must hold; digests of files and times are each one's own."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    put_shades(folder)
    return folder


@pytest.fixture(scope="module")
def live(folder: Path) -> Iterator[Pipeline]:
    """The pipeline that has gone through the loop on the account."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AIRFLOW_CONN_LIVE", os.environ[CONNECTION])
        with _set_up("live", _database(), folder) as pipeline:
            _go_through_the_loop(pipeline, folder)
            yield pipeline


@pytest.fixture(scope="module")
def embedded(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The pipeline that has gone through the loop on the embedded warehouse."""
    root = tmp_path_factory.mktemp("embedded")
    with running_server(root, user="me", password="my password") as server, pytest.MonkeyPatch.context() as patched:
        extra = {"account": "embedded", "host": server.host, "port": server.port, "protocol": "http"}
        connection = {"conn_type": "snowflake", "login": "me", "password": "my password", "extra": extra}
        patched.setenv("AIRFLOW_CONN_EMBEDDED", json.dumps(connection))
        with _set_up("embedded", "TESTS", folder) as pipeline:
            _go_through_the_loop(pipeline, folder)
            yield pipeline


def _database() -> str:
    """Return the database that the connection names."""
    from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook

    extra = SnowflakeHook(snowflake_conn_id="live").get_connection("live").extra_dejson
    return str(extra.get("database") or "DRIFTGATE_LIVE")


@contextmanager
def _set_up(conn_id: str, database: str, folder: Path) -> Iterator[Pipeline]:
    """Set a pipeline up whose images lie in internal stages, and drop its schema at the end."""
    config = PipelineConfig.model_validate(
        {
            "name": f"driftgate_test_{uuid.uuid4().hex[:8]}",
            "warehouse": {"conn_id": conn_id, "database": database},
            "stages": {"training": {"name": "TRAINING_IMAGES"}, "incoming": {"name": "INCOMING_IMAGES"}},
            "images": {"max_bad_fraction": 0.5},
            "preprocessing": {"size": 16},
            "training": {"n_epochs": 3, "batch_size": 16, "base_lr": 0.01},
            "gate": {"min_accuracy": 0.0},
            "notify": {"emails": ["anna@example.com"]},
            "promotion": {"approval": True},
            "store": {"url": str(folder / f"store of {conn_id}")},
        }
    )
    (folder / conn_id).mkdir()
    with WarehouseHook.for_pipeline(config).session() as warehouse:
        run_setup(warehouse, config)
        pipeline = Pipeline(config, warehouse)
        try:
            yield pipeline
        finally:
            pipeline.query(f"DROP SCHEMA {config.warehouse.database}.{config.schema_name}")


def _go_through_the_loop(pipeline: Pipeline, folder: Path) -> None:
    """Stage the images, train, answer, judge, and roll a later version back."""
    parts = {
        "INCOMING_IMAGES": [("", "new")],
        "TRAINING_IMAGES": [(f"{label}/", f"train/{label}") for label in COLOURS],
    }
    for stage, folders in parts.items():
        for path, local in folders:
            location = {"location": stage_location(stage, path)}
            pipeline.warehouse.run("stages/put_file", file_url=f"file://{folder / local}/*", identifiers=location)
    handed_over = folder / pipeline.config.warehouse.conn_id
    assert not was_killed(do_all_tasks, pipeline.config.to_json(), handed_over, errors=handed_over / "errors")
    later = LedgerStory(pipeline.warehouse, pipeline.config)
    later.train(2)
    later.pass_gate(2)
    later.go_back_to(1, "it is a test")


def _rows(pipeline: Pipeline, sql: str) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True, default=str) for row in pipeline.query(sql))


@pytest.mark.parametrize("what", SAME)
def test_the_account_holds_what_the_embedded_warehouse_holds(what: str, live: Pipeline, embedded: Pipeline) -> None:
    assert _rows(live, SAME[what]) == _rows(embedded, SAME[what])


def test_every_image_that_can_be_read_has_an_answer_of_the_champion(live: Pipeline) -> None:
    champion = read_champion(live.warehouse)

    answered = live.query("SELECT VERSION, CONFIDENCE FROM CURRENT_PREDICTIONS WHERE TYPE IS NOT NULL")
    assert champion is not None
    assert champion.version == 1
    assert len(answered) == 6
    assert {row["VERSION"] for row in answered} == {1}
    assert all(1 / 3 < row["CONFIDENCE"] <= 1 for row in answered)


def test_the_query_history_tells_what_it_cost(live: Pipeline) -> None:
    until = datetime.now(UTC).replace(tzinfo=None)

    statements = read_statements(
        live.warehouse, pipeline=live.config.name, since=until - timedelta(hours=1), until=until
    )

    [cost] = cost_by_task(statements)
    assert cost.n_statements > 100
    assert 0 < cost.execution_s < cost.warehouse_s
    assert cost.credits > 0
