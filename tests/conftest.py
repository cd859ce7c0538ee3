"""What tests share: one embedded warehouse for the run, and a set-up pipeline of its own for each test."""

import json
import logging
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from distribution import ByFile, place_in_order
from schema_template import SchemaTemplate
from stage_pictures import put_picture

from include.commands.warehouse_access import QUIETENED
from include.config import PipelineConfig
from include.registry.ledger import append_event
from include.store.files import FileStore
from include.warehouse.embedded.server import RunningServer, running_server
from include.warehouse.session import Warehouse
from include.warehouse.setup import run_setup

# Airflow reads its settings when it is first imported, whichever test that happens in.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="driftgate-airflow-")
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="driftgate-cache-")  # what one test measures is no other's
os.environ["SNOWFLAKE_DISABLE_PLATFORM_DETECTION"] = "true"  # as `up` does: 0.2 s for each session
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).parents[1] / "dags")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(Path(__file__).parents[1] / "plugins")

# Torch reads these when it is first imported: a thread that waits by spinning keeps a core from the other tests.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

USER = "driftgate"
PASSWORD = "a password of the tests"


def pytest_unconfigure() -> None:
    """Remove Airflow's home, and what was kept for other processes."""
    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
    shutil.rmtree(os.environ["AIRFLOW_HOME"], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first."""
    items.sort(key=place_in_order)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Have one worker more than there are cores: the one that starts Airflow mostly waits for it."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Let the tests of a file stay together, however they are asked for."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.fixture(autouse=True)
def _what_the_command_quietens_speaks_again() -> Iterator[None]:
    """A test that calls the command in this process does not silence those that read what is logged."""
    logging.getLogger("include").setLevel(logging.NOTSET)  # a fixture of the session may have called it, too
    loggers = [logging.getLogger(name) for name in QUIETENED]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The embedded warehouse, in a thread of this process."""
    root = tmp_path_factory.mktemp("warehouse")
    with running_server(root, user=USER, password=PASSWORD, idle_transaction_s=2.0) as server:
        yield server


@pytest.fixture(scope="session")
def embedded_warehouse(embedded_server: RunningServer) -> Iterator[str]:
    """The embedded warehouse, as the JSON of an Airflow connection, to which Airflow's connection `warehouse` leads."""
    extra = {"account": "embedded", "host": embedded_server.host, "port": embedded_server.port, "protocol": "http"}
    connection = json.dumps({"conn_type": "snowflake", "login": USER, "password": PASSWORD, "extra": extra})
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AIRFLOW_CONN_WAREHOUSE", connection)
        yield connection


@pytest.fixture
def unused_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def new_config() -> Callable[[Path], PipelineConfig]:
    """A function that makes a pipeline of its own: a schema, and stages and store in a folder."""

    def make(folder: Path) -> PipelineConfig:
        for stage in ("train", "new"):
            (folder / stage).mkdir(exist_ok=True)
        return PipelineConfig.model_validate(
            {
                "name": f"test_{uuid.uuid4().hex[:8]}",
                "warehouse": {"database": "TESTS"},
                "stages": {
                    "training": {"name": "TRAINING_IMAGES", "url": f"file://{folder}/train/"},
                    "incoming": {"name": "INCOMING_IMAGES", "url": f"file://{folder}/new/"},
                },
                "preprocessing": {"size": 16},
                "training": {"n_epochs": 2, "batch_size": 16},
                "gate": {"min_accuracy": 0.5},
                # a worker that loads a model takes seconds: for the tests of just that
                "registry": {"function": None},
                "store": {"url": str(folder / "store")},
            }
        )

    return make


@pytest.fixture
def config(new_config: Callable[[Path], PipelineConfig], tmp_path: Path) -> PipelineConfig:
    """A pipeline of the test's own, in its temporary folder."""
    return new_config(tmp_path)


@pytest.fixture
def open_session(embedded_warehouse: str, config: PipelineConfig) -> Iterator[Callable[[], Warehouse]]:
    """A function that opens one more session on the pipeline's schema."""
    from driftgate.hooks import WarehouseHook  # imports Airflow, which then reads its settings

    with ExitStack() as stack:
        yield lambda: stack.enter_context(WarehouseHook.for_pipeline(config).session())


@pytest.fixture(scope="session")
def schema_template(
    embedded_server: RunningServer,
    embedded_warehouse: str,
    new_config: Callable[[Path], PipelineConfig],
    tmp_path_factory: pytest.TempPathFactory,
) -> SchemaTemplate:
    """A schema that was set up once, of which each test gets a copy."""
    from driftgate.hooks import WarehouseHook

    config = new_config(tmp_path_factory.mktemp("template"))
    with WarehouseHook.for_pipeline(config).session() as session:
        run_setup(session, config)
    return SchemaTemplate(embedded_server, config)


@pytest.fixture
def _schema(config: PipelineConfig, schema_template: SchemaTemplate) -> Iterator[None]:
    """The schema of a pipeline that is set up, as long as the test takes."""
    schema_template.copy_to(config)
    yield
    schema_template.drop(config)


@pytest.fixture
def warehouse(_schema: None, open_session: Callable[[], Warehouse]) -> Warehouse:
    """A session on the schema of a pipeline that is set up."""
    return open_session()


@pytest.fixture
def add_version(warehouse: Warehouse, config: PipelineConfig) -> Callable[..., None]:
    """A function that registers a version without a model and makes it champion, unless it is told not to."""

    def append(version: int, event: str) -> None:
        warehouse.run(
            "registry/insert_version",
            snapshot_id="snapshot",
            config=config.to_json(),
            metrics='{"accuracy": 0.9}',
            n_training_images=7,
            artifact_path=f"{version}/",
            sha256=f"sha of {version}",
            temperature=1.0,
            run_id=f"training {version}",
        )
        append_event(warehouse, event, version=version, run_id=f"training {version}", reason=None)

    def add(version: int, *, is_champion: bool = True) -> None:
        warehouse.alone(lambda: append(version, "PROMOTED" if is_champion else "GATE_FAILED"))

    return add


@pytest.fixture
def query(warehouse: Warehouse) -> Callable[..., list[tuple[Any, ...]]]:
    """A function that runs any SQL in the pipeline's schema and returns its rows, as a user's worksheet would."""

    def run(sql: str, **values: Any) -> list[tuple[Any, ...]]:
        cursor = warehouse._connection.cursor()
        rows: list[tuple[Any, ...]] = cursor.execute(sql, values).fetchall()
        return rows

    return run


@pytest.fixture
def store(config: PipelineConfig) -> FileStore:
    """The pipeline's files."""
    return FileStore(config.store_url)


@pytest.fixture
def put_image(tmp_path: Path) -> Callable[..., Path]:
    """A function that puts a small picture into a stage's folder; equal colours make equal files."""
    return partial(put_picture, tmp_path)
