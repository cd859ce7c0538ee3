"""A task in a process of its own whose way to the warehouse fails, and what it says of that."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from snowflake.connector import connection, network

from include.errors import DriftgateError
from tests.tasks_in_processes import Task, open_training, try_task

IMPATIENCE_S = 2
"""How long the first task waits for an answer, which meets one that is slow; a busy machine may make others wait."""
TOLD = "told"
"""The file of what a task has failed of."""


def try_disturbed(work: Callable[[Task], Any], config: str, number: int, folder: Path, warehouse: str) -> None:
    """Do a task's work as `try_task` does, through a proxy, and write down the error that it fails of.

    Args:
        work: As for `try_task`.
        config: As for `try_task`.
        number: As for `try_task`.
        folder: As for `try_task`.
        warehouse: The Airflow connection that leads through the proxy.
    """
    os.environ["AIRFLOW_CONN_IMPATIENT"] = warehouse
    _repeat_at_once()
    if work is open_training:
        network.DEFAULT_SOCKET_CONNECT_TIMEOUT = IMPATIENCE_S
    told = folder / TOLD
    told.unlink(missing_ok=True)
    try:
        try_task(work, config, number, folder, None)
    except DriftgateError as error:
        told.write_text(json.dumps([type(error).__name__, error.is_transient, str(error)]))


def _repeat_at_once() -> None:
    """Let the connector repeat a request at once rather than after a second or more."""

    def at_once() -> Iterator[float]:
        while True:
            yield 0.01

    connection.DEFAULT_CONFIGURATION["backoff_policy"] = (at_once, Callable)
