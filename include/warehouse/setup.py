"""Setting a pipeline up in the warehouse. Running it again changes nothing but what the pipeline file changed.

What is made in the account needs an administrator of it, what is made in the schema only the schema's owner.
"""

import logging
import time
from typing import Literal

from include.config import PipelineConfig
from include.errors import AccessDeniedError, SetupRefusedError
from include.warehouse.account import account_statements
from include.warehouse.identifiers import pipeline_identifiers
from include.warehouse.names import roles_of
from include.warehouse.schema import schema_statements
from include.warehouse.session import Warehouse
from include.warehouse.statements import run_all, script_of

log = logging.getLogger(__name__)

SetupPart = Literal["account", "schema", "all"]


def run_setup(warehouse: Warehouse, config: PipelineConfig, part: SetupPart = "all") -> None:
    """Make what the pipeline needs in the warehouse, or one part of it.

    Args:
        warehouse: A session for this pipeline; nothing of it need be there yet.
        config: The pipeline.
        part: What is made: in the account (roles, virtual warehouse, integrations, database, schema), in the schema
            (stages, tables, views, grants, the alert), or both.

    Raises:
        SetupRefusedError: The session's user may not make what the part needs.
        WarehouseError: The warehouse refused a statement.
    """
    started = time.monotonic()
    n_statements = 0
    if part != "schema":
        try:
            n_statements += run_all(warehouse, account_statements(config))
        except AccessDeniedError as error:
            raise SetupRefusedError(
                f"{error}; what is made in the account needs the role {config.account.admin_role}: have an "
                f"administrator run what ./driftgate setup {config.name} --print --part account shows, and then run "
                f"./driftgate setup {config.name} --part schema"
            ) from error
    if part != "account":
        try:
            n_statements += run_all(warehouse, schema_statements(config))
        except AccessDeniedError as error:
            owner = roles_of(config).owner
            raise SetupRefusedError(
                f"{error}; what is made in the schema needs the role {owner}: have an administrator run "
                f"./driftgate setup {config.name} --part account and GRANT ROLE {owner} TO USER with your user's name"
            ) from error
    log.info(
        "set up %s in %s.%s: %d statements in %.1f s",
        config.name,
        config.warehouse.database,
        config.schema_name,
        n_statements,
        time.monotonic() - started,
    )


def setup_script(config: PipelineConfig, part: SetupPart = "all") -> str:
    """Return what `run_setup` runs as a script for a worksheet."""
    identifiers = pipeline_identifiers(config)
    place = f"{config.warehouse.database}.{config.schema_name}"
    parts = []
    if part != "schema":
        script = script_of(account_statements(config), identifiers)
        parts.append(f"-- What the pipeline {config.name} needs in the account.\n{script}")
    if part != "account":
        script = script_of(schema_statements(config), identifiers)
        parts.append(f"-- What the pipeline {config.name} has in {place}.\n{script}")
    return "\n".join(parts)
