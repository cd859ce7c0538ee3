"""The way to the warehouse: Airflow's Snowflake hook, on a pipeline's schema, with sessions that run our statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from include.config import PipelineConfig
from include.errors import ConfigError
from include.warehouse.identifiers import pipeline_identifiers
from include.warehouse.session import LOCK_PATIENCE_S, Warehouse

LOGIN_TIMEOUT_S = 30
NETWORK_TIMEOUT_S = 120
"""After this the connector stops to repeat a request by itself; without it, it never does."""


class WarehouseHook(SnowflakeHook):
    """Airflow's Snowflake hook with what Driftgate's statements rely on.

    Sessions are in UTC (an account's default is Los Angeles), wait a bounded time for locks and for the network, and
    may speak plain HTTP when the connection's extra says `"protocol": "http"`, as the embedded warehouse does.

    Args:
        config: The pipeline in whose schema the sessions are.
    """

    def __init__(self, *, config: PipelineConfig) -> None:
        super().__init__(
            snowflake_conn_id=config.warehouse.conn_id,
            database=config.warehouse.database,
            schema=config.schema_name,
        )
        self._config = config

    @classmethod
    def for_pipeline(cls, config: PipelineConfig) -> Self:
        """Return the hook whose sessions are in the pipeline's schema."""
        return cls(config=config)

    def _get_conn_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = super()._get_conn_params()
        extra = self.get_connection(self.get_conn_id()).extra_dejson
        if "protocol" in extra:
            parameters["protocol"] = extra["protocol"]
        parameters["warehouse"] = parameters.get("warehouse") or self._config.warehouse.compute
        parameters["login_timeout"] = LOGIN_TIMEOUT_S
        parameters["network_timeout"] = NETWORK_TIMEOUT_S
        parameters["session_parameters"] = {
            **(parameters.get("session_parameters") or {}),
            "TIMEZONE": "UTC",
            "LOCK_TIMEOUT": int(LOCK_PATIENCE_S),
        }
        return parameters

    @contextmanager
    def session(self) -> Iterator[Warehouse]:
        """Open a session for the pipeline's statements, and close it at the end.

        Raises:
            WarehouseUnavailableError: The warehouse cannot be reached.
            WarehouseError: It refuses the login.
            ConfigError: Airflow has no such connection, or its private key cannot be read.
        """
        from snowflake.connector import errors

        from include.warehouse.session import translated

        try:
            connection = self.get_conn()
        except AirflowNotFoundException as error:
            raise ConfigError(
                f"Airflow has no connection {self.get_conn_id()!r}, which pipeline {self._config.name} names: add it "
                "in the UI under Admin, Connections, or as AIRFLOW_CONN_" + self.get_conn_id().upper()
            ) from error
        except (ValueError, TypeError, AirflowException) as error:
            # from reading the key: cryptography's messages hold nothing of it
            raise ConfigError(
                f"connection {self.get_conn_id()!r}: {error}; private_key_file names a PEM file that the worker can "
                "read, private_key_content holds its text, and the passphrase of an encrypted key is the connection's "
                "password (a key without one: no password)"
            ) from error
        except (errors.Error, OSError) as error:
            raise translated(f"connection {self.get_conn_id()!r}", error) from error
        try:
            yield Warehouse(connection, pipeline_identifiers(self._config))
        finally:
            connection.close()
