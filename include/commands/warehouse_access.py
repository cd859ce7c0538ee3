"""The way to the warehouse for verbs that ask it themselves, by Airflow's Snowflake hook (its import takes seconds)."""

import getpass
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from include.commands.access import start_hint
from include.commands.local.environment import LOOPBACK, process_environment
from include.commands.local.state import LocalState
from include.config import PROJECT_ROOT, PipelineConfig, load_pipeline_named
from include.errors import UnreachableError

if TYPE_CHECKING:  # half a second to import
    from include.warehouse.session import Warehouse

QUIETENED = ("airflow", "snowflake", "include")
"""The loggers that tell a user of the command nothing but errors."""


def pipeline_named(name: str, state: LocalState) -> PipelineConfig:
    """Return a pipeline by its name: of the local instance's pipeline files, if there is one.

    Raises:
        ConfigError: There is none of this name, or its file is wrong.
    """
    return load_pipeline_named(name, state.pipelines_folder)


def user_name() -> str:
    """Return who calls the command, as records of what was done name them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number without a name
        return f"user {os.getuid()}"


@contextmanager
def open_warehouse(config: PipelineConfig, state: LocalState) -> Iterator["Warehouse"]:
    """Open a session on a pipeline's schema: of the local instance, or of the connection that the environment names.

    Raises:
        UnreachableError: There is no local instance and no connection in the environment, or the warehouse does not
            run.
        WarehouseError: The warehouse refuses the login.
    """
    from include.commands.airflow_api import URL_VARIABLE

    if state.exists and URL_VARIABLE not in os.environ:
        _refuse_stopped_warehouse(state)
        os.environ.update(process_environment(state, state.read_settings()))
    elif (variable := f"AIRFLOW_CONN_{config.warehouse.conn_id.upper()}") not in os.environ:
        raise UnreachableError(
            f"the warehouse is not running: {start_hint(state)}. For another one, set {variable} to its connection"
        )
    import_hooks_quietly()
    from driftgate.hooks import WarehouseHook

    with WarehouseHook.for_pipeline(config).session() as warehouse:
        yield warehouse


def _refuse_stopped_warehouse(state: LocalState) -> None:
    """Say at once what the connector would say after half a minute."""
    import httpx

    port = state.read_settings().warehouse_port
    try:
        httpx.get(f"http://{LOOPBACK}:{port}/healthz", timeout=30, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise UnreachableError(f"the warehouse does not answer at {LOOPBACK}:{port}: {start_hint(state)}") from error


def import_hooks_quietly() -> None:
    """Import our side of Airflow without what its libraries log on the way: the command's output is for its user."""
    plugins = str(PROJECT_ROOT / "plugins")
    if plugins not in sys.path:
        sys.path.append(plugins)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import driftgate.hooks  # noqa: F401
    for name in QUIETENED:
        logging.getLogger(name).setLevel(logging.ERROR)
