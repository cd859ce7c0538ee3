"""Where Airflow calls the environment of snowflake-ml-python: a request comes in, an answer goes out.

It is imported only there.
"""

import importlib.metadata
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import snowflake.connector
from packaging.version import Version
from snowflake.connector import errors
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkClientException

from include.errors import DriftgateError, ModelRegistryError
from include.registry.publishing.logged_version import MODEL
from include.registry.publishing.model_registry import publish_champion
from include.registry.publishing.registry_request import RegistryAnswer, RegistryRequest
from include.warehouse.identifiers import pipeline_identifiers
from include.warehouse.session import Warehouse, translated

_PYTHON: Final = (3, 11)
_LIBRARY: Final = "snowflake-ml-python"
_MIN_VERSION: Final = Version("2.6.0")


def answer(path: str) -> dict[str, Any]:
    """Do what a request asks for.

    Args:
        path: The request's file, which is removed.

    Returns:
        A `RegistryAnswer` as JSON. An error of ours is in it, not raised: Airflow's side would not know which it was.
    """
    request = RegistryRequest.take(Path(path))
    config = request.config
    try:
        _check_environment()
        with _refusals(), _connected(request) as (session, warehouse):
            champion = publish_champion(session, warehouse, config)
    except DriftgateError as error:
        return RegistryAnswer(error=str(error), is_transient=error.is_transient).to_json()
    version = champion.version if champion else None
    return RegistryAnswer(version=version, model=f"{config.warehouse.database}.{config.schema_name}.{MODEL}").to_json()


@contextmanager
def _connected(request: RegistryRequest) -> Iterator[tuple[Session, Warehouse]]:
    with closing(snowflake.connector.connect(**request.connection)) as connection:
        session = Session.builder.config("connection", connection).create()
        yield session, Warehouse(connection, pipeline_identifiers(request.config))


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what the libraries raise into errors of ours."""
    what = "Snowflake's Model Registry"
    try:
        yield
    except (errors.Error, OSError) as error:
        raise translated(what, error) from error
    except (SnowparkClientException, ValueError) as error:
        of_connector = getattr(error, "conn_error", None)
        if of_connector is not None and translated(what, of_connector).is_transient:
            raise translated(what, of_connector) from error
        raise ModelRegistryError(
            f"{what} refuses the champion: {error}. The pipeline's role needs CREATE MODEL and CREATE STAGE on the "
            f"schema, and has to own the model {MODEL}; with registry.publish: none nothing is put there"
        ) from error


def _check_environment() -> None:
    """Refuse an environment that makes models which Snowflake cannot load, or whose library is another one."""
    found = Version(importlib.metadata.version(_LIBRARY))
    if sys.version_info[:2] != _PYTHON or found < _MIN_VERSION or found.major != _MIN_VERSION.major:
        raise ModelRegistryError(
            f"{sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]} with {_LIBRARY} {found}; needed "
            f"are Python 3.11 and {_LIBRARY} {_MIN_VERSION} or a later one before {_MIN_VERSION.major + 1}: run "
            "make snowflake-ml"
        )
