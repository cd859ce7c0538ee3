"""An embedded warehouse in a process of its own, so that what is measured in this one is the client's."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import snowflake.connector

from benchmarks.own_airflow import PASSWORD, USER
from include.config import PROJECT_ROOT, PipelineConfig
from include.warehouse.embedded.server import Urls
from include.warehouse.identifiers import pipeline_identifiers
from include.warehouse.session import Warehouse
from include.warehouse.setup import run_setup

HOST = "127.0.0.1"
_SECONDS_TO_START = 30.0


class OwnWarehouse(NamedTuple):
    """A warehouse that runs, and a session on its one pipeline, which is set up."""

    warehouse: Warehouse
    config: PipelineConfig
    port: int
    server: psutil.Process


@contextmanager
def own_warehouse(folder: Path, *, urls: Urls = "signed", incoming: Path | None = None) -> Iterator[OwnWarehouse]:
    """Start a warehouse below a folder, set the pipeline `bench` up in it, and stop it afterwards.

    Args:
        folder: An empty one.
        urls: What GET_PRESIGNED_URL hands out.
        incoming: The folder of the incoming images; by default a new one.
    """
    password_file = folder / "password"
    password_file.write_text(PASSWORD, encoding="utf-8")
    port = _unused_port()
    command = [sys.executable, "-m", "include.warehouse.embedded", "--root", str(folder / "warehouse"), "--port"]
    command += [
        str(port),
        "--user",
        USER,
        "--password-file",
        str(password_file),
        "--urls",
        urls,
        "--log-level",
        "warning",
    ]
    server = subprocess.Popen(command, cwd=PROJECT_ROOT)
    try:
        _wait_for(port)
        config = _config(folder, incoming or folder / "new")
        with own_session(config, port) as warehouse:
            run_setup(warehouse, config)
            yield OwnWarehouse(warehouse, config, port, psutil.Process(server.pid))
    finally:
        server.terminate()
        server.wait()


@contextmanager
def own_session(config: PipelineConfig, port: int) -> Iterator[Warehouse]:
    """Open a session on the pipeline of a warehouse that runs, as each process that is forked needs one."""
    with closing(_connect(port)) as connection:
        yield Warehouse(connection, pipeline_identifiers(config))


def _config(folder: Path, incoming: Path) -> PipelineConfig:
    for stage in (folder / "train", incoming):
        stage.mkdir(exist_ok=True)
    stages = {"training": {"name": "TRAINING", "url": f"file://{folder}/train/"}}
    stages["incoming"] = {"name": "INCOMING", "url": f"file://{incoming}/"}
    return PipelineConfig.model_validate(
        {
            "name": "bench",
            "warehouse": {"database": "BENCH"},
            "stages": stages,
            "store": {"url": str(folder / "store")},
        }
    )


def _connect(port: int) -> Any:
    return snowflake.connector.connect(
        account="embedded",
        user=USER,
        password=PASSWORD,
        host=HOST,
        port=port,
        protocol="http",
        database="BENCH",
        schema="BENCH",
    )


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while True:
        try:
            socket.create_connection((HOST, port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
