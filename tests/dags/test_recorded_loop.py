"""A whole loop is recorded on its way to the warehouse: each statement is proven to be Snowflake's, ours, and bound.

What is recorded is set-up, a training, an inference with its drift check, a rollback from a version that came after it,
and the verbs that ask the warehouse themselves.
"""

import json
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlglot
from dag_runs import as_run, put_pictures, read_dags, run_to_its_end, write_pipeline_file
from ledger_story import LedgerStory
from stage_pictures import put_picture

from driftgate.hooks import WarehouseHook
from include.commands.app import main
from include.config import PipelineConfig
from include.config_parts import RegistryConfig
from include.warehouse.embedded.server import RunningServer
from include.warehouse.setup import run_setup
from tests.sql.features_of_statements import features_of
from tests.sql.statement_files import file_of
from tests.warehouse_proxy import Proxy, running_proxy

pytestmark = pytest.mark.slow

VERBS = ("history", "cost", "prune")
OF_EACH_STEP = {
    "setup": "setup/create_predictions",
    "sync": "catalog/merge_images",
    "snapshot": "snapshots/insert_snapshot_images",
    "pixels": "pixels/merge_pixels",
    "registration": "registry/insert_version",
    "promotion and rollback": "registry/insert_event",
    "write-back": "predictions/insert_loaded_predictions",
    "drift check": "drift/insert_check",
    "recall": "recalls/insert_recalls",
    "publishing": "publish/create_version_function",
    "cost": "cost/select_statements",
}
"""What shows that a step of the loop was recorded."""


@pytest.fixture(scope="module")
def proxy(embedded_server: RunningServer, embedded_warehouse: str) -> Iterator[Proxy]:
    """A proxy to which Airflow's connection leads as long as this module runs."""
    with running_proxy(embedded_server) as (proxy, port), pytest.MonkeyPatch.context() as patched:
        connection = json.loads(embedded_warehouse)
        connection["extra"]["port"] = port
        patched.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
        yield proxy


@pytest.fixture(scope="module")
def recorded(
    proxy: Proxy,
    airflow_home: Path,
    new_config: Callable[[Path], PipelineConfig],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[str]:
    """The statements of a loop, each once."""
    folder = tmp_path_factory.mktemp("recorded")
    config = new_config(folder).model_copy(update={"registry": RegistryConfig()})
    put_pictures(partial(put_picture, folder))
    (folder / "pipelines").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DRIFTGATE_PIPELINES", str(folder / "pipelines"))
        patched.setenv("DRIFTGATE_STATE", str(folder / "state"))
        write_pipeline_file(folder / "pipelines", as_run(config))
        with WarehouseHook.for_pipeline(config).session() as session:
            run_setup(session, config)
        dags = read_dags()
        assert run_to_its_end(dags, f"{config.name}_training").state == "success"
        assert run_to_its_end(dags, f"{config.name}_inference").state == "success"
        with WarehouseHook.for_pipeline(config).session() as session:
            later = LedgerStory(session, config)
            later.train(2)
            later.pass_gate(2)
        assert run_to_its_end(dags, f"{config.name}_rollback", reason="it's bad").state == "success"
        for verb in VERBS:
            _call(verb, config.name)
    return list(dict.fromkeys(proxy.statements))


def _call(verb: str, name: str) -> None:
    loggers = [logging.getLogger(name) for name in ("airflow", "snowflake", "include")]
    levels = [logger.level for logger in loggers]
    with pytest.raises(SystemExit) as ended:
        main([verb, name])
    assert not ended.value.code
    for logger, level in zip(loggers, levels, strict=True):  # the command is quiet, what comes after it need not be
        logger.setLevel(level)


@pytest.fixture(scope="module")
def by_file(recorded: list[str]) -> dict[str | None, list[str]]:
    """The statements by the file below include/sql that they come from."""
    found: dict[str | None, list[str]] = {}
    for statement in recorded:
        found.setdefault(file_of(statement), []).append(statement)
    return found


@pytest.fixture(scope="module")
def tags(recorded: list[str], proxy: Proxy) -> set[tuple[str | None, str | None]]:
    """The run and the task of each session that was opened."""
    logins = [json.loads(asked.text)["data"] for asked in proxy.asked if asked.is_login]
    found = [json.loads(login["SESSION_PARAMETERS"]["QUERY_TAG"]) for login in logins]
    return {(tag.get("run"), tag.get("task")) for tag in found}


def test_each_step_of_the_loop_was_recorded(by_file: dict[str | None, list[str]]) -> None:
    assert {step: name for step, name in OF_EACH_STEP.items() if name not in by_file} == {}


def test_each_statement_is_a_file_of_ours_with_literals_only_where_a_value_is_bound(
    by_file: dict[str | None, list[str]],
) -> None:
    assert by_file.get(None, []) == []


def test_each_statement_parses_as_snowflakes_by_sqlglot(by_file: dict[str | None, list[str]]) -> None:
    for statements in by_file.values():
        for statement in statements:
            parsed = sqlglot.parse(statement, dialect="snowflake")
            assert len(parsed) == 1, statement


def test_each_statement_parses_as_snowflakes_by_sqlfluff(by_file: dict[str | None, list[str]]) -> None:
    """Of each file, the first one: they differ in their literals alone."""
    for first, *_ in by_file.values():
        # a folder for a bucket: the one thing that is said to the embedded warehouse, and never to Snowflake
        assert features_of(first.replace("URL = 'file:///", "URL = 's3://")), first


def test_each_session_of_a_task_says_which_task_it_is(tags: set[tuple[str | None, str | None]]) -> None:
    """By the tag of the session, which its statements carry in the query history."""
    assert {task for _, task in tags} >= {"sync_catalog", "train", "predict[0]", "check_drift", "roll_back", None}
    assert {run.rpartition("/")[0].rpartition("_")[2] for run, _ in tags if run} == {
        "training",
        "inference",
        "rollback",
    }
