"""What tests share: one embedded warehouse for the run, and a set-up pipeline of its own for each test."""

import json
import os
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from include.config import PipelineConfig
from include.store.files import FileStore
from include.warehouse.embedded.server import running_server
from include.warehouse.session import Warehouse
from include.warehouse.setup import run_setup

# Airflow reads its settings when it is first imported, whichever test that happens in.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="driftgate-airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).parents[1] / "dags")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(Path(__file__).parents[1] / "plugins")

USER = "driftgate"
PASSWORD = "a password of the tests"


@pytest.fixture(scope="session")
def embedded_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The embedded warehouse, as the JSON of an Airflow connection, to which Airflow's connection `warehouse` leads."""
    root = tmp_path_factory.mktemp("warehouse")
    with running_server(root, user=USER, password=PASSWORD, idle_transaction_s=2.0) as server:
        extra = {"account": "embedded", "host": server.host, "port": server.port, "protocol": "http"}
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


@pytest.fixture
def warehouse(open_session: Callable[[], Warehouse], config: PipelineConfig) -> Warehouse:
    """A session on the schema of a pipeline that is set up."""
    session = open_session()
    run_setup(session, config)
    return session


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

    def put(path: str, *, colour: tuple[int, int, int], stage: str = "train", size: int = 20) -> Path:
        buffer = BytesIO()
        Image.new("RGB", (size, size), colour).save(buffer, "PNG")
        target = tmp_path / stage / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(buffer.getvalue())
        return target

    return put
