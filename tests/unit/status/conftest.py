"""A pipeline with a past, which is written once and only read."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from schema_template import SchemaTemplate
from status_story import StatusStory

from include.config import PipelineConfig
from include.store.files import FileStore
from include.warehouse.session import Warehouse

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def past_config(
    new_config: Callable[[Path], PipelineConfig], tmp_path_factory: pytest.TempPathFactory
) -> PipelineConfig:
    """A pipeline whose windows hold 120 answers."""
    config = new_config(tmp_path_factory.mktemp("past"))
    return config.model_copy(update={"drift": config.drift.model_copy(update={"window": 120})})


@pytest.fixture(scope="session")
def past(embedded_warehouse: str, schema_template: SchemaTemplate, past_config: PipelineConfig) -> Iterator[Warehouse]:
    """A session on the schema of a pipeline with a past."""
    from driftgate.hooks import WarehouseHook

    with WarehouseHook.for_pipeline(past_config).session() as warehouse:
        schema_template.copy_to(past_config)

        def query(sql: str, **values: object) -> list[tuple[object, ...]]:
            rows: list[tuple[object, ...]] = warehouse._connection.cursor().execute(sql, values).fetchall()
            return rows

        StatusStory(warehouse, FileStore(past_config.store_url), past_config, query, now=NOW).live()
        yield warehouse
