"""Taking a pipeline out of the warehouse again, with or without its answers and its ledger."""

from collections.abc import Iterator
from typing import NamedTuple

from include.config import PipelineConfig
from include.errors import AccessDeniedError, SetupRefusedError
from include.warehouse.account import storage_integrations
from include.warehouse.dead_man import alert_emails
from include.warehouse.identifiers import WORK_STAGE, quote_identifier, stream_of
from include.warehouse.names import ALERT, mail_integration, roles_of
from include.warehouse.session import Warehouse
from include.warehouse.statements import Statement

_MADE_AGAIN = ("ALERTS", "FEATURES", "PIPELINE_LOCK", "PIXELS", "QUARANTINE")
"""The tables that a later set-up, and the next runs, fill again from the stages."""


class TornDown(NamedTuple):
    """What a teardown did."""

    removed: tuple[str, ...]
    left: tuple[str, ...]
    """What is still there, and for what, or what removes it."""


class _Removal(NamedTuple):
    what: str
    statement: Statement


class _Status(NamedTuple):
    """What Snowflake answers to a DROP."""

    status: str


def tear_down(warehouse: Warehouse, config: PipelineConfig, *, with_answers: bool) -> TornDown:
    """Remove what `setup` has made of a pipeline. What other pipelines may use stays.

    Args:
        warehouse: A session whose user has the role that administers the account.
        config: The pipeline.
        with_answers: Whether predictions, ledger, labels and models go, too: the schema with all that is in it.

    Raises:
        SetupRefusedError: The session's user may not do it.
        WarehouseError: The warehouse refused a statement; running it again goes on.
    """
    try:
        warehouse.run("setup/use_role", identifiers={"role": quote_identifier(config.account.admin_role)})
        if not with_answers:
            warehouse.run("setup/use_schema")
        removals = [*_schema_removals(config, with_answers=with_answers), *_account_removals(config)]
        removed = tuple(removal.what for removal in removals if _was_there(warehouse, removal.statement))
    except AccessDeniedError as error:
        raise SetupRefusedError(
            f"{error}; a teardown needs the role {config.account.admin_role}, which the connection's user has not"
        ) from error
    return TornDown(removed, tuple(_left(config, with_answers=with_answers)))


def _was_there(warehouse: Warehouse, statement: Statement) -> bool:
    answer = warehouse.fetch_one(statement.name, _Status, identifiers=statement.identifiers)
    return answer is None or "already dropped" not in answer.status


def _schema_removals(config: PipelineConfig, *, with_answers: bool) -> Iterator[_Removal]:
    if with_answers:
        place = f"{config.warehouse.database}.{config.schema_name}"
        yield _Removal(f"schema {place} with all that was in it", Statement("teardown/drop_schema"))
        return
    yield _Removal(f"alert {ALERT}", Statement("setup/drop_dead_man"))
    for table in _MADE_AGAIN:
        yield _Removal(f"table {table}", Statement("teardown/drop_table", {"table": quote_identifier(table)}))
    stages = [stage.name for stage in (config.stages.training, config.stages.incoming) if stage.url is not None]
    for stage in (config.stages.training, config.stages.incoming):
        name = stream_of(stage.name)
        yield _Removal(f"stream {name}", Statement("teardown/drop_stream", {"stream": name}))
    for name in (*stages, WORK_STAGE):
        yield _Removal(f"stage {name}", Statement("teardown/drop_stage", {"stage": quote_identifier(name)}))


def _account_removals(config: PipelineConfig) -> Iterator[_Removal]:
    if alert_emails(config):
        yield _integration_removal(mail_integration(config))
    if config.account.integrations == "made":
        for integration in storage_integrations(config):
            yield _integration_removal(integration.name)
    for role in reversed(roles_of(config)):
        yield _Removal(f"role {role}", Statement("teardown/drop_role", {"role": role}))


def _integration_removal(name: str) -> _Removal:
    return _Removal(f"integration {name}", Statement("teardown/drop_integration", {"integration": name}))


def _left(config: PipelineConfig, *, with_answers: bool) -> Iterator[str]:
    place = f"{config.warehouse.database}.{config.schema_name}"
    if not with_answers:
        yield (
            f"schema {place} with the predictions, the ledger, the catalog, the labels and the models, which "
            f"belongs to {config.account.admin_role} now; ./driftgate setup {config.name} goes on from there, "
            "--with-predictions-and-ledger removes it"
        )
        internal = [stage.name for stage in (config.stages.training, config.stages.incoming) if stage.url is None]
        for stage in internal:
            yield f"stage {stage} with the images that were uploaded to it"
    if config.account.integrations == "given":
        for integration in storage_integrations(config):
            yield f"integration {integration.name}, which setup has not made"
    yield (
        f"database {config.warehouse.database} and virtual warehouse {config.warehouse.compute}, which other pipelines "
        f"may use: DROP DATABASE {config.warehouse.database}; DROP WAREHOUSE {config.warehouse.compute};"
    )
    yield f"the files of the store, {config.store_url}"
    yield f"the pipeline file and its DAGs: delete the file, and Airflow forgets {config.name}_*"
